// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.memory;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.process.Threads;
import io.godwit.machines.programs.JavaProgram;
import io.godwit.machines.programs.ServicePort;
import io.godwit.machines.programs.WriteListener;
import io.godwit.machines.vcpu.Heartbeat;
import io.godwit.machines.vcpu.VcpuThread;
import java.util.Optional;

/**
 * Runs one vCPU's program in Java. It looks at the pause request after each chunk, so nothing needs to interrupt it.
 */
final class ProgramThread extends VcpuThread {
    private final JavaProgram program;

    ProgramThread(int index, RamBlock ram, Heartbeat heartbeat, Optional<ServicePort> service, WriteListener listener) {
        super(index, heartbeat);
        program = new JavaProgram(ram, index, beatPort(), service, listener);
    }

    @Override
    protected void prepareThread() {
        Threads.timerSlackNanos(1);
    }

    @Override
    protected void prepareToRun() {}

    @Override
    protected void runGuest() {
        program.run();
    }

    @Override
    protected void interruptGuest() {}
}
