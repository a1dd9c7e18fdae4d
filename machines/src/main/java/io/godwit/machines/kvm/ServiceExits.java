// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.machines.programs.BeatPort;
import io.godwit.machines.programs.ServicePort;

/** Serves the ports of the service, whose words are in the vCPU's registers. Belongs to the vCPU's thread. */
final class ServiceExits {
    private static final int RAX = 0;
    private static final int R8 = 8;

    private static final int REQUEST_COMES = 1 << 31;

    private final KvmVcpu vcpu;
    private final ServicePort port;
    private final BeatPort beats;
    private final long[] request = new long[ServicePort.REQUEST_WORDS];
    private final long[] answer = new long[ServicePort.ANSWER_WORDS];

    ServiceExits(KvmVcpu vcpu, ServicePort port, BeatPort beats) {
        this.vcpu = vcpu;
        this.port = port;
        this.beats = beats;
        vcpu.shareRegisters();
    }

    /** {@link ServicePort#ASK_PORT}: what the guest reads. */
    int ask() {
        int ticks = beats.awaitTick(port::isWaiting);
        if (beats.isPauseWanted() || !port.take(request)) {
            return ticks;
        }
        int value = REQUEST_COMES | ticks;
        for (int i = 0; i < request.length; i++) {
            vcpu.register(R8 + i, request[i]);
        }
        // KERNEL: where KVM interprets the guest's instruction, registers that are set meanwhile keep it from setting
        // the one that it reads to.
        vcpu.register(RAX, Integer.toUnsignedLong(value));
        return value;
    }

    /** {@link ServicePort#ANSWER_PORT}: what the guest reads. */
    int answer() {
        for (int i = 0; i < answer.length; i++) {
            answer[i] = vcpu.register(R8 + i);
        }
        port.answer(answer);
        return ask();
    }
}
