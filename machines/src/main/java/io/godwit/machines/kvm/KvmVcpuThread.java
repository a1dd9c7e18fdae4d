// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.guest.VcpuWaits;
import io.godwit.linux.kvm.KvmExit;
import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.process.Threads;
import io.godwit.machines.programs.BeatPort;
import io.godwit.machines.programs.ServicePort;
import io.godwit.machines.vcpu.Heartbeat;
import io.godwit.machines.vcpu.VcpuThread;
import java.util.Optional;

/** Runs one vCPU and serves its heartbeat ports. */
final class KvmVcpuThread extends VcpuThread {
    private final KvmVcpu vcpu;
    private final Optional<ServiceExits> service;
    private final KvmTracker tracker;

    KvmVcpuThread(KvmVcpu vcpu, Heartbeat heartbeat, Optional<ServicePort> service, KvmTracker tracker) {
        super(vcpu.index(), heartbeat);
        this.vcpu = vcpu;
        this.service = service.map(port -> new ServiceExits(vcpu, port, beatPort()));
        this.tracker = tracker;
    }

    @Override
    protected void prepareThread() {
        Threads.timerSlackNanos(1);
    }

    @Override
    protected void prepareToRun() {
        vcpu.immediateExit(false);
    }

    @Override
    protected void interruptGuest() {
        // ORDERING: a signal that comes between the thread's look at the flag and KVM_RUN is lost; immediate exit is
        // not.
        vcpu.immediateExit(true);
        if (threadId() != 0) {
            boolean _ = Threads.kick(threadId());
        }
    }

    @Override
    protected void runGuest() {
        BeatPort port = beatPort();
        boolean accessPending = false;
        while (!isPauseWanted()) {
            KvmExit exit = vcpu.run();
            accessPending = exit == KvmExit.IO_IN || exit == KvmExit.IO_OUT;
            switch (exit) {
                case IO_IN -> vcpu.answerIo(read(port));
                // ORDERING: cleared before the flag is read again: a pause that was taken back meanwhile, since it came
                // too late, must not keep the guest out for ever.
                case INTERRUPTED -> {
                    vcpu.immediateExit(false);
                    payThrottle();
                }
                case DIRTY_RING_FULL -> {
                    long begin = System.nanoTime();
                    tracker.ringFull();
                    waited(VcpuWaits.Cause.RING_FULL, System.nanoTime() - begin);
                }
                case IO_OUT, HALT, MMIO, SHUTDOWN, FAIL_ENTRY, INTERNAL_ERROR, OTHER ->
                    throw new IllegalStateException("vCPU " + index() + " stopped by itself: " + exit + ", "
                            + vcpu.exitDescription() + "; the guest has crashed");
            }
        }
        if (accessPending) {
            finishAccess();
        }
    }

    private int read(BeatPort port) {
        return switch (vcpu.ioPort()) {
            case BeatPort.WAIT_PORT -> port.awaitTick();
            case BeatPort.BEAT_PORT -> {
                port.beat();
                yield 0;
            }
            case ServicePort.ASK_PORT -> service.map(ServiceExits::ask).orElse(-1);
            case ServicePort.ANSWER_PORT -> service.map(ServiceExits::answer).orElse(-1);
            // What a port without a device reads as.
            default -> -1;
        };
    }

    /**
     * The guest stands inside an instruction; KVM ends it when it is entered, and immediate exit keeps it from the next
     * one.
     */
    private void finishAccess() {
        vcpu.immediateExit(true);
        KvmExit exit = vcpu.run();
        if (exit != KvmExit.INTERRUPTED) {
            throw new IllegalStateException(
                    "vCPU " + index() + " did not finish its port access: " + exit + ", " + vcpu.exitDescription());
        }
    }
}
