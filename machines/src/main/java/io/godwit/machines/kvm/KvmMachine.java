// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.linux.kvm.Kvm;
import io.godwit.linux.kvm.KvmDirtyLog;
import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.KvmVm;
import io.godwit.linux.process.Threads;
import io.godwit.machines.guest.Dimm;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.GuestRam;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.guest.ProgramMachine;
import io.godwit.machines.vcpu.VcpuGroup;
import java.util.ArrayList;
import java.util.List;

/** A guest on KVM: memory from address 0, more where it is plugged in, vCPUs, and the heartbeat ports. */
public final class KvmMachine extends ProgramMachine {
    private static final String MACHINE_TYPE = "godwit-kvm-1";

    private final GuestRam ram;
    private final Kvm kvm;
    private final KvmVm vm;
    private final List<KvmVcpu> cpus = new ArrayList<>();
    private final List<DeviceState> devices = new ArrayList<>();
    private final KvmTracker tracker;
    private final VcpuGroup vcpus;

    private KvmMachine(GuestOptions options, Origin origin, GuestRam ram, Kvm kvm, KvmVm vm, KvmTracking tracking) {
        super(options, origin, ram);
        this.ram = ram;
        this.kvm = kvm;
        this.vm = vm;
        Threads.installKickHandler();
        tracker = tracker(tracking);
        byte[] cpuid = kvm.supportedCpuid();
        int[] msrs = kvm.msrIndices();
        List<KvmVcpuThread> threads = new ArrayList<>();
        for (int index = 0; index < options.cpus(); index++) {
            KvmVcpu cpu = vm.createVcpu(index);
            cpus.add(cpu);
            cpu.writeCpuid(cpuid);
            RingThreeStart.set(cpu, ram.controlBlocks().get(index).program());
            devices.add(new CpuState(cpu, msrs));
            threads.add(new KvmVcpuThread(cpu, heartbeats().vcpus().get(index), servicePort(index), tracker));
        }
        vcpus = new VcpuGroup(threads);
    }

    /**
     * A guest that does not run yet.
     *
     * @throws io.godwit.linux.NativeException KVM or memory is refused
     * @throws UnsupportedOperationException KVM lacks something; the message says what
     */
    public static KvmMachine create(GuestOptions options, Origin origin) {
        return create(options, origin, KvmTracking.LOG);
    }

    /** {@link #create(GuestOptions, Origin)}, with a choice of how KVM tells what the guest writes. */
    public static KvmMachine create(GuestOptions options, Origin origin, KvmTracking tracking) {
        List<AutoCloseable> opened = new ArrayList<>();
        try {
            Kvm kvm = Kvm.open();
            opened.add(kvm);
            KvmVm vm = kvm.createVm();
            opened.add(vm);
            GuestRam ram = new GuestRam(options, origin);
            opened.add(ram);
            return new KvmMachine(options, origin, ram, kvm, vm, tracking);
        } catch (RuntimeException | Error failure) {
            opened.reversed().forEach(one -> closeAfter(failure, one));
            throw failure;
        }
    }

    private KvmTracker tracker(KvmTracking tracking) {
        return switch (tracking) {
            case LOG -> {
                vm.separateDirtyLogClearing();
                yield new KvmDirtyTracker(vm, ram.block());
            }
            case RINGS -> {
                vm.enableDirtyRings(KvmRingTracker.RING_BYTES);
                yield new KvmRingTracker(vm, ram.block(), cpus);
            }
        };
    }

    private static void closeAfter(Throwable failure, AutoCloseable opened) {
        try {
            opened.close();
        } catch (Exception second) {
            failure.addSuppressed(second);
        }
    }

    @Override
    public GuestKind kind() {
        return GuestKind.KVM;
    }

    @Override
    public String machineType() {
        return MACHINE_TYPE;
    }

    @Override
    public DirtyTracker dirtyTracker() {
        return tracker;
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
        tracker.add(
                dimm.block(), KvmTracker.SLOT + 1 + dimm.slot(), dimm.address().orElseThrow());
    }

    @Override
    protected void remove(Dimm dimm) {
        tracker.remove(dimm.block());
    }

    /** The kernel's dirty log of the guest's RAM, without a tracker around it, to be measured; the caller closes it. */
    public KvmDirtyLog dirtyLog() {
        return vm.dirtyLog(KvmTracker.SLOT, ram.block().pageCount());
    }

    @Override
    protected void release() {
        cpus.forEach(KvmVcpu::close);
        tracker.close();
        vm.close();
        kvm.close();
    }
}
