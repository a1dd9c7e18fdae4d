// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.VcpuPart;
import io.godwit.machines.programs.BeatPort;
import io.godwit.machines.programs.ServicePort;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Serves the ports of the service, whose words are in the vCPU's registers. Belongs to the vCPU's thread. */
final class ServiceExits {
    // struct kvm_regs
    private static final int R8 = 8 * Long.BYTES;

    private static final int REQUEST_COMES = 1 << 31;

    private final KvmVcpu vcpu;
    private final ServicePort port;
    private final BeatPort beats;
    private final long[] request = new long[ServicePort.REQUEST_WORDS];
    private boolean taken;
    private final long[] answer = new long[ServicePort.ANSWER_WORDS];

    ServiceExits(KvmVcpu vcpu, ServicePort port, BeatPort beats) {
        this.vcpu = vcpu;
        this.port = port;
        this.beats = beats;
    }

    /** {@link ServicePort#ASK_PORT}: what the guest reads. */
    int ask() {
        int ticks = beats.awaitTick(port::isWaiting);
        if (beats.isPauseWanted() || !port.take(request)) {
            return ticks;
        }
        taken = true;
        return REQUEST_COMES | ticks;
    }

    /** Whether a request has been taken whose words the guest lacks. */
    boolean isTaken() {
        return taken;
    }

    /**
     * Gives the guest the words. KERNEL: registers that are set while an access to a port is unfinished undo it, so it
     * is finished first.
     */
    void deliver() {
        taken = false;
        byte[] state = vcpu.read(VcpuPart.REGS);
        ByteBuffer registers = words(state);
        for (int i = 0; i < request.length; i++) {
            registers.putLong(R8 + i * Long.BYTES, request[i]);
        }
        vcpu.write(VcpuPart.REGS, state);
    }

    /** {@link ServicePort#ANSWER_PORT}: what the guest reads. */
    int answer() {
        ByteBuffer registers = words(vcpu.read(VcpuPart.REGS));
        for (int i = 0; i < answer.length; i++) {
            answer[i] = registers.getLong(R8 + i * Long.BYTES);
        }
        port.answer(answer);
        return ask();
    }

    private static ByteBuffer words(byte[] state) {
        return ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
    }
}
