// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** {@code /dev/kvm}, opened. Any thread may use it. */
public final class Kvm implements AutoCloseable {
    private static final String PATH = "/dev/kvm";
    private static final int API_VERSION = 12;
    private static final int O_RDWR_CLOEXEC = 0x80002;

    // LIMIT: today's kernels list about 100 CPUID entries and 150 MSRs.
    private static final int MAX_CPUID_ENTRIES = 1024;
    private static final int MAX_MSRS = 4096;

    private static final KvmCapability[] NEEDED = {
        KvmCapability.USER_MEMORY,
        KvmCapability.EXT_CPUID,
        KvmCapability.MP_STATE,
        KvmCapability.VCPU_EVENTS,
        KvmCapability.DEBUGREGS,
        KvmCapability.SYNC_REGS,
        KvmCapability.IMMEDIATE_EXIT,
        KvmCapability.MANUAL_DIRTY_LOG_PROTECT2,
    };

    private final KvmDescriptor descriptor;

    private Kvm(KvmDescriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Opens KVM.
     *
     * @throws NativeException it is not there or forbidden
     * @throws UnsupportedOperationException it lacks something that Godwit needs; the message says what
     */
    public static Kvm open() {
        int fd = Libc.open(PATH, O_RDWR_CLOEXEC, 0);
        if (fd < 0) {
            throw NativeException.of("open", fd, PATH);
        }
        Kvm kvm = new Kvm(new KvmDescriptor(fd, PATH));
        String missing = kvm.missing();
        if (!missing.isEmpty()) {
            kvm.close();
            throw new UnsupportedOperationException(missing);
        }
        return kvm;
    }

    /**
     * Whether {@link #open} and the creation of a machine would work now. Tries both, so that a sandbox that forbids
     * either is noticed.
     */
    public static KvmSupport support() {
        try (Kvm kvm = open();
                KvmVm _ = kvm.createVm()) {
            return new KvmSupport.Usable();
        } catch (NativeException failure) {
            return new KvmSupport.Missing(sentence(failure));
        } catch (UnsupportedOperationException failure) {
            return new KvmSupport.Missing(String.valueOf(failure.getMessage()));
        }
    }

    private static String sentence(NativeException failure) {
        Errno errno = failure.errno();
        if (errno == Errno.ENOENT || errno == Errno.ENXIO || errno == Errno.ENODEV) {
            return "This host has no " + PATH + " (" + errno
                    + "): no hardware virtualisation, or the kvm module is not loaded.";
        }
        if (errno == Errno.EACCES || errno == Errno.EPERM) {
            return "This user may not open " + PATH + " (" + errno + "): join the group that owns it, usually kvm.";
        }
        return "KVM cannot be used: " + failure.getMessage() + ".";
    }

    private String missing() {
        long version = descriptor.request("KVM_GET_API_VERSION", KvmRequests.GET_API_VERSION, 0);
        if (version != API_VERSION) {
            return "KVM has API version " + version + "; Godwit knows version " + API_VERSION + ".";
        }
        for (KvmCapability needed : NEEDED) {
            if (capability(needed) == 0) {
                return "KVM lacks KVM_CAP_" + needed + ", which Godwit needs; a newer kernel has it.";
            }
        }
        return "";
    }

    /** What KVM_CHECK_EXTENSION says: 0 when it is missing, else 1 or a figure that depends on the capability. */
    public int capability(KvmCapability capability) {
        return (int) descriptor.request("KVM_CHECK_EXTENSION", KvmRequests.CHECK_EXTENSION, capability.number());
    }

    /** A new machine without memory or vCPUs. */
    public KvmVm createVm() {
        long fd = descriptor.request("KVM_CREATE_VM", KvmRequests.CREATE_VM, 0);
        return new KvmVm(new KvmDescriptor((int) fd, "KVM machine"), vcpuMapLength());
    }

    /** The CPUID that this host can give a guest, as {@code kvm_cpuid_entry2} structures one after another. */
    public byte[] supportedCpuid() {
        int header = KvmLayouts.byteLength(KvmLayouts.CPUID);
        int entry = KvmLayouts.byteLength(KvmLayouts.CPUID_ENTRY);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(header + (long) MAX_CPUID_ENTRIES * entry, Long.BYTES);
            table.set(JAVA_INT, 0, MAX_CPUID_ENTRIES);
            descriptor.request("KVM_GET_SUPPORTED_CPUID", KvmRequests.GET_SUPPORTED_CPUID, table);
            return Structures.bytes(table, header, table.get(JAVA_INT, 0) * entry);
        }
    }

    /** The numbers of the MSRs whose values belong to a guest's state. */
    public int[] msrIndices() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment list = arena.allocate((1 + MAX_MSRS) * 4L, Long.BYTES);
            list.set(JAVA_INT, 0, MAX_MSRS);
            descriptor.request("KVM_GET_MSR_INDEX_LIST", KvmRequests.GET_MSR_INDEX_LIST, list);
            int[] indices = new int[list.get(JAVA_INT, 0)];
            MemorySegment.copy(list, JAVA_INT, 4, indices, 0, indices.length);
            return indices;
        }
    }

    private int vcpuMapLength() {
        return (int) descriptor.request("KVM_GET_VCPU_MMAP_SIZE", KvmRequests.GET_VCPU_MMAP_SIZE, 0);
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
