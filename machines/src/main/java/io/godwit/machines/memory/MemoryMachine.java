// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.memory;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.engine.tracking.WriteProtectTracker;
import io.godwit.linux.memory.Support;
import io.godwit.machines.guest.Dimm;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.GuestRam;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.guest.ProgramMachine;
import io.godwit.machines.programs.WriteListener;
import io.godwit.machines.vcpu.VcpuGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A guest without virtualisation: its vCPUs are threads that run the program in Java over the guest's RAM. */
public final class MemoryMachine extends ProgramMachine {
    private static final String MACHINE_TYPE = "godwit-memory-1";

    private final DirtyTracker tracker;
    private final Optional<WriteProtectTracker> byKernel;
    private final MarkedPagesTracker marks;
    private final List<DeviceState> devices = new ArrayList<>();
    private final VcpuGroup vcpus;

    /** How it is found what the program writes. */
    public enum Tracking {
        /** The kernel's write protection where it can be used, else the program's marks. */
        AUTO,
        /** The program marks each page that it writes. */
        MARKS
    }

    private MemoryMachine(GuestOptions options, Origin origin, GuestRam ram, Tracking tracking) {
        super(options, origin, ram);
        boolean possible = tracking == Tracking.AUTO && !(WriteProtectTracker.support() instanceof Support.Missing);
        byKernel = possible ? Optional.of(new WriteProtectTracker(ram.blocks())) : Optional.empty();
        marks = new MarkedPagesTracker(ram.blocks());
        tracker = possible ? byKernel.get() : marks;
        WriteListener listener = possible ? (_, _) -> {} : (offset, length) -> mark(marks, ram.block(), offset, length);
        List<ProgramThread> threads = new ArrayList<>();
        for (int index = 0; index < options.cpus(); index++) {
            devices.add(new ProgramState(index, ram.controlBlocks().get(index)));
            threads.add(new ProgramThread(
                    index, ram.block(), heartbeats().vcpus().get(index), servicePort(index), listener));
        }
        vcpus = new VcpuGroup(threads);
    }

    /** A guest that does not run yet. */
    public static MemoryMachine create(GuestOptions options, Origin origin) {
        return create(options, origin, Tracking.AUTO);
    }

    /** A guest that does not run yet, tracked as asked for. */
    public static MemoryMachine create(GuestOptions options, Origin origin, Tracking tracking) {
        return new MemoryMachine(options, origin, new GuestRam(options, origin), tracking);
    }

    private static void mark(MarkedPagesTracker marks, RamBlock block, long offset, long byteLength) {
        long last = (offset + byteLength - 1) / RamBlock.PAGE_BYTES;
        for (long page = offset / RamBlock.PAGE_BYTES; page <= last; page++) {
            marks.mark(block, page);
        }
    }

    @Override
    public GuestKind kind() {
        return GuestKind.MEMORY;
    }

    @Override
    public String machineType() {
        return MACHINE_TYPE;
    }

    @Override
    public DirtyTracker dirtyTracker() {
        return tracker;
    }

    /** Never: the program reaches its memory by native calls of this process. */
    @Override
    public boolean faultsInKernel() {
        return false;
    }

    @Override
    public VcpuGroup vcpus() {
        return vcpus;
    }

    @Override
    protected List<DeviceState> ownDevices() {
        return devices;
    }

    @Override
    protected void insert(Dimm dimm) {
        byKernel.ifPresent(kernel -> kernel.add(dimm.block()));
        marks.add(dimm.block());
    }

    @Override
    protected void remove(Dimm dimm) {
        marks.remove(dimm.block());
        byKernel.ifPresent(kernel -> kernel.remove(dimm.block()));
    }

    @Override
    protected void release() {
        tracker.stop();
    }
}
