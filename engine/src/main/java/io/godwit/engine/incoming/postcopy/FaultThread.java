// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.memory.MissingPages.FaultReader;

/**
 * The thread {@code uffd-fault}: learns who waits for which page, and asks the source for it, once. It
 * lives from the moment when the guest's devices are loaded until all memory is there, over lost connections. Nothing
 * is allocated for a fault.
 */
final class FaultThread implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(FaultThread.class.getName());

    private final ArrivingMemory memory;
    private final FaultLog log;
    private final RequestSender requests;
    private final Environment environment;
    private final FaultReader faults;
    private final Worker thread;

    /** Begins to listen. */
    FaultThread(ArrivingMemory memory, FaultLog log, RequestSender requests, Environment environment) {
        this.memory = memory;
        this.log = log;
        this.requests = requests;
        this.environment = environment;
        this.faults = memory.faults();
        try {
            this.thread = environment.start(ThreadRole.FAULTS, this::run);
        } catch (Error e) {
            faults.close();
            throw e;
        }
    }

    private void run() {
        environment.answersAtOnce();
        MonotonicClock clock = environment.clock();
        try {
            for (int count = faults.await(); count != FaultReader.STOPPED; count = faults.await()) {
                long readNanos = clock.nanoTime();
                for (int i = 0; i < count; i++) {
                    serve(faults.address(i), faults.threadId(i), readNanos);
                }
            }
        } catch (RuntimeException | Error e) {
            // Without this thread the guest would wait for ever; a recovery asks for what is missing all the same.
            LOG.log(System.Logger.Level.ERROR, "page faults are not heard any more", e);
            requests.fail(e);
        }
    }

    private void serve(long address, int threadId, long readNanos) {
        int index = memory.find(address);
        if (index < 0) {
            return;
        }
        ArrivingBlock block = memory.block(index);
        long hostPage = block.hostPageAt(address - block.start());
        long page = block.hostPageAddress(hostPage);
        log.faulted(page, threadId, readNanos, environment.clock().nanoTime());
        boolean first = block.markRequested(hostPage);
        if (block.isReceived(hostPage)) {
            log.withdrawn(page);
            memory.wake(page, block.hostPageBytes());
        } else if (first && requests.ask(block, hostPage)) {
            log.requested(page, environment.clock().nanoTime());
        }
    }

    /** Stops and waits for the thread's end. Harmless when repeated. */
    @Override
    public void close() {
        faults.stop();
        thread.awaitEnd();
        faults.close();
    }
}
