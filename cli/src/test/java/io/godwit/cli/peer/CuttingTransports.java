// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.ForwardingChannel;
import io.godwit.engine.transport.Listening;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** The system's transports, whose connections are cut when so many bytes have been written: one number for each. */
final class CuttingTransports implements Transports {
    private final Transports system = new SystemTransports(Descriptors.ANY_NUMBER);
    private final Deque<Long> cuts;

    /** Connections behind those that {@code cuts} has numbers for are not cut. */
    CuttingTransports(List<Long> cuts) {
        this.cuts = new ArrayDeque<>(cuts);
    }

    /** The first connections are cut, all of them, before their first page leaves. */
    static CuttingTransports beforeTheFirstPage() {
        CuttingTransports made = new CuttingTransports(List.of());
        made.beforeFirstPage = true;
        return made;
    }

    private final List<Channel> first = new ArrayList<>();
    private boolean beforeFirstPage;

    /** Pages leave from where they lie, all else from a buffer. */
    private synchronized void pageLeaves() {
        if (beforeFirstPage) {
            beforeFirstPage = false;
            first.forEach(channel -> channel.abort("the test has cut the connection before the first page"));
        }
    }

    @Override
    public MigrationUri usable(String uri) {
        return system.usable(uri);
    }

    @Override
    public synchronized Channel connect(MigrationUri uri, Duration patience, AbortSignal abort) {
        Channel channel = system.connect(uri, patience, abort);
        if (beforeFirstPage) {
            first.add(channel);
        }
        return new Cut(channel, new AtomicLong(cuts.isEmpty() ? Long.MAX_VALUE : cuts.pop()), this::pageLeaves);
    }

    @Override
    public Listening listen(MigrationUri uri, Duration patience, AbortSignal abort) {
        return system.listen(uri, patience, abort);
    }

    private static final class Cut extends ForwardingChannel {
        private final AtomicLong left;
        private final Runnable pageLeaves;

        Cut(Channel channel, AtomicLong left, Runnable pageLeaves) {
            super(channel);
            this.left = left;
            this.pageLeaves = pageLeaves;
        }

        private void count(long bytes) {
            if (left.addAndGet(-bytes) < 0) {
                abort("the test has cut the connection");
            }
        }

        @Override
        public void write(IoVector vector) {
            pageLeaves.run();
            count(vector.remainingBytes());
            super.write(vector);
        }

        @Override
        public void write(NativeMemory memory, long offset, int length) {
            // The first bytes of what is cut through still go.
            long whole = left.get();
            if (whole > 0 && whole < length) {
                super.write(memory, offset, (int) whole);
            }
            count(length);
            super.write(memory, offset, length);
        }
    }
}
