// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.HintRing;
import io.godwit.machines.programs.Mismatch;
import io.godwit.machines.programs.ServicePort;
import io.godwit.machines.service.ServiceDevice;
import io.godwit.machines.vcpu.HeartbeatMonitor;
import io.godwit.machines.vcpu.VcpuGroup;
import io.godwit.stream.DeviceSection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A machine that runs our programs: one block of RAM that tells how they get on, vCPU threads and their heartbeats. */
public abstract class ProgramMachine implements Machine {
    private static final System.Logger LOG = System.getLogger(ProgramMachine.class.getName());

    private final Identity identity;
    private final GuestRam ram;
    private final HeartbeatMonitor heartbeats;
    private final HintRing hints;
    private final boolean mute;
    private final PluggedRam plugged;
    private final Optional<ServiceDevice> service;

    /** A machine over RAM that it owns from now on. */
    protected ProgramMachine(GuestOptions options, Origin origin, GuestRam ram) {
        this.identity = new Identity(options.uuid(), origin);
        this.ram = ram;
        this.heartbeats = new HeartbeatMonitor(options.cpus());
        this.hints = new HintRing(ram.block(), options.cpus());
        this.mute = options.workload().mute();
        this.plugged = new PluggedRam(options, origin, ram.blocks(), new Dimms());
        this.service = options.workload().program() == GuestProgram.SERVICE
                ? Optional.of(new ServiceDevice(origin == Origin.BOOT, ServiceDevice.Limits.USUAL))
                : Optional.empty();
    }

    /** Gives the guest memory, tracked from now on. */
    protected abstract void insert(Dimm dimm);

    /** Takes it away; the memory is unmapped afterwards. */
    protected abstract void remove(Dimm dimm);

    private final class Dimms implements PluggedRam.Hardware {
        @Override
        public void insert(Dimm dimm) {
            ProgramMachine.this.insert(dimm);
        }

        @Override
        public void remove(Dimm dimm) {
            ProgramMachine.this.remove(dimm);
        }
    }

    /** What it has besides memory that comes and goes, in the order of saving and loading. */
    protected abstract List<DeviceState> ownDevices();

    @Override
    public final List<DeviceState> devices() {
        List<DeviceState> all = new ArrayList<>(ownDevices());
        service.ifPresent(all::add);
        all.addAll(plugged.devices());
        return List.copyOf(all);
    }

    @Override
    public final void acceptDevices(List<DeviceSection> arriving) {
        Machine.super.acceptDevices(arriving);
        plugged.arrived();
    }

    /** {@inheritDoc} Here: if it was given room for more. */
    @Override
    public final Optional<RamPlug> ramPlug() {
        return plugged.roomBytes() == 0 ? Optional.empty() : Optional.of(plugged);
    }

    @Override
    public final Optional<PluggedRam> plugged() {
        return plugged.roomBytes() == 0 ? Optional.empty() : Optional.of(plugged);
    }

    @Override
    public final Optional<ServiceDevice> service() {
        return service;
    }

    /** What a vCPU's program is asked through: that of the first one, in a guest that is a service. */
    protected final Optional<ServicePort> servicePort(int vcpu) {
        return vcpu == 0 ? service.map(device -> device) : Optional.empty();
    }

    /** Frees what the vCPU threads used; they have ended, and RAM is freed afterwards. */
    protected abstract void release();

    @Override
    public abstract VcpuGroup vcpus();

    @Override
    public final UUID identity() {
        return identity.uuid();
    }

    @Override
    public final void assumeIdentity(UUID arriving) {
        identity.assume(arriving);
    }

    @Override
    public final RamBlocks ram() {
        return ram.blocks();
    }

    /**
     * {@inheritDoc} Here: if there is a ballooner, or the guest is one to be asked in vain; memory must have arrived.
     */
    @Override
    public final Optional<FreePageReporter> freePages() {
        return mute || ram.controlBlocks().stream().anyMatch(vcpu -> vcpu.program() == GuestProgram.BALLOONER)
                ? Optional.of(hints)
                : Optional.empty();
    }

    @Override
    public final HeartbeatMonitor heartbeats() {
        return heartbeats;
    }

    @Override
    public final long guestBeats() {
        return ram.guestBeats();
    }

    @Override
    public final long workPages() {
        return ram.workPages();
    }

    @Override
    public final long[] vcpuWorkPages() {
        return ram.vcpuWorkPages();
    }

    @Override
    public final long mismatches() {
        return ram.mismatches();
    }

    @Override
    public final Optional<Mismatch> firstMismatch() {
        return ram.firstMismatch();
    }

    @Override
    public final long[] touches() {
        return ram.touches();
    }

    @Override
    public final void pagesPerSecond(long rate) {
        ram.pagesPerSecond(rate);
    }

    @Override
    public final Optional<Throwable> failure() {
        return vcpus().failure();
    }

    @Override
    public final void close() {
        if (!vcpus().end()) {
            // A thread that is still inside the guest uses all of it: leaving it to the process's end is the only safe
            // thing.
            LOG.log(System.Logger.Level.ERROR, "a vCPU of {0} did not end; its memory stays mapped", identity());
            return;
        }
        hints.close();
        release();
        plugged.close();
        ram.close();
    }
}
