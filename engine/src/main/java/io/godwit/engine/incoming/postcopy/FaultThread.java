// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import io.godwit.linux.memory.FaultEvents;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.linux.process.Scheduling;
import io.godwit.linux.process.ThreadEnd;

/**
 * The thread {@code uffd-fault}: learns from the kernel who waits for which page, and asks the source for it, once. It
 * lives from the moment when the guest's devices are loaded until all memory is there, over lost connections. Nothing
 * is allocated for a fault.
 */
final class FaultThread implements AutoCloseable {
    private static final int EVENTS = 64;
    private static final System.Logger LOG = System.getLogger(FaultThread.class.getName());

    private final ArrivingMemory memory;
    private final FaultLog log;
    private final RequestSender requests;
    private final EventSignal stop = new EventSignal();
    private final Thread thread;

    /** Begins to listen to the kernel. */
    FaultThread(ArrivingMemory memory, FaultLog log, RequestSender requests) {
        this.memory = memory;
        this.log = log;
        this.requests = requests;
        try {
            this.thread = PostcopyThreads.start("uffd-fault", this::run);
        } catch (Error e) {
            stop.close();
            throw e;
        }
    }

    private void run() {
        boolean _ = Scheduling.answersAtOnce();
        Userfaultfd faults = memory.faults();
        try (Polling polling = new Polling();
                FaultEvents events = new FaultEvents(EVENTS)) {
            while (polling.awaitReadable(faults, stop, Polling.FOREVER_NANOS) == Polling.Outcome.READY) {
                int count = faults.readEvents(events);
                long readNanos = System.nanoTime();
                for (int i = 0; i < count; i++) {
                    if (events.isPageFault(i)) {
                        serve(events.address(i), events.threadId(i), readNanos);
                    }
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
        log.faulted(page, threadId, readNanos, System.nanoTime());
        boolean first = block.markRequested(hostPage);
        if (block.isReceived(hostPage)) {
            log.withdrawn(page);
            memory.faults().wake(page, block.hostPageBytes());
        } else if (first && requests.ask(block, hostPage)) {
            log.requested(page, System.nanoTime());
        }
    }

    /** Stops and waits for the thread's end. Harmless when repeated. */
    @Override
    public void close() {
        stop.raise();
        ThreadEnd.await(thread);
        stop.close();
    }
}
