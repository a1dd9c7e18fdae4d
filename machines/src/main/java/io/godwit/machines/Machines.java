// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.linux.kvm.Kvm;
import io.godwit.linux.kvm.KvmSupport;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmMachine;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.memory.MemoryMachine;
import io.godwit.machines.opaque.OpaqueGuest;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Makes machines. */
public final class Machines {
    /**
     * What a guest will run on.
     *
     * @param kind any but AUTO
     * @param reason a sentence that says why
     */
    public record Choice(GuestKind kind, String reason) {}

    /** Tests that start very many hosts say no. */
    private static final boolean WARMS_UP = !"false".equals(System.getProperty("godwit.warm-up"));

    private static final Set<GuestKind> WARM = ConcurrentHashMap.newKeySet();
    private static final Set<GuestKind> POSTCOPY_WARM = ConcurrentHashMap.newKeySet();

    private Machines() {}

    /** Decides what {@code wanted} means on this host, now. */
    public static Choice choose(GuestKind wanted) {
        return switch (wanted) {
            case KVM -> new Choice(GuestKind.KVM, "KVM was asked for.");
            case MEMORY -> new Choice(GuestKind.MEMORY, "A guest in memory was asked for.");
            case OPAQUE -> new Choice(GuestKind.OPAQUE, "Whatever arrives is kept and not run.");
            case AUTO ->
                switch (Kvm.support()) {
                    case KvmSupport.Usable _ -> new Choice(GuestKind.KVM, "KVM can be used here.");
                    case KvmSupport.Missing missing ->
                        new Choice(
                                GuestKind.MEMORY,
                                missing.reason() + " The guest runs as threads of this process instead.");
                };
        };
    }

    /** A guest that starts here and does not run yet. */
    public static Machine create(GuestOptions options) {
        return create(options, Origin.BOOT);
    }

    /**
     * A guest that does not run yet. The first one of its kind in this process takes up to a second longer, in which
     * throw-away guests warm up what must be fast later.
     *
     * @throws io.godwit.linux.NativeException KVM or memory is refused
     * @throws UnsupportedOperationException KVM was asked for and lacks something, or an opaque guest shall start here;
     *     the message says what
     */
    public static Machine create(GuestOptions options, Origin origin) {
        return create(options, origin, KvmTracking.LOG);
    }

    /**
     * {@link #create(GuestOptions, Origin)}, with a choice of how KVM tells what the guest writes; of no effect where
     * there is no KVM.
     *
     * @throws UnsupportedOperationException also if rings are asked for and the guest has no KVM
     */
    public static Machine create(GuestOptions options, Origin origin, KvmTracking tracking) {
        GuestKind kind = choose(options.kind()).kind();
        if (kind != GuestKind.KVM && tracking == KvmTracking.RINGS) {
            throw new UnsupportedOperationException("Dirty rings are KVM's, and this guest is of kind " + kind + ".");
        }
        if (kind == GuestKind.OPAQUE) {
            if (origin == Origin.BOOT) {
                throw new UnsupportedOperationException("An opaque guest cannot start here, it can only arrive.");
            }
            return new OpaqueGuest(options.memoryBytes());
        }
        if (WARMS_UP && WARM.add(kind)) {
            WarmUp.of(kind, Machines::make);
        }
        return switch (tracking) {
            case LOG -> make(options.withKind(kind), origin);
            case RINGS -> KvmMachine.create(options.withKind(kind), origin, tracking);
        };
    }

    /**
     * Makes the first postcopy of guests of this kind as fast as later ones: throw-away guests are moved that way, once
     * in this process. Takes up to a second.
     *
     * @param kind any but AUTO; nothing happens for an opaque guest, which has no vCPU that waits for pages
     */
    public static void rehearsePostcopy(GuestKind kind) {
        if (WARMS_UP && kind != GuestKind.OPAQUE && POSTCOPY_WARM.add(kind)) {
            PostcopyWarmUp.of(kind, Machines::make);
        }
    }

    /** Without warming up; the kind is KVM or MEMORY. */
    static Machine make(GuestOptions options, Origin origin) {
        return options.kind() == GuestKind.KVM
                ? KvmMachine.create(options, origin)
                : MemoryMachine.create(options, origin);
    }
}
