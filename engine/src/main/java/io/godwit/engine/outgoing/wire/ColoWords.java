// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.WrittenPages;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * What the secondary of COLO says on the main connection once it runs: words, and behind a reply what its guest has
 * written, where that was agreed. On {@code mig-return-path}.
 */
public final class ColoWords {
    /** Hears it, on the thread that reads. */
    public interface Listener extends WrittenPages.Listener {
        /** One word; what belongs to it was told before. */
        void message(ColoMessage message);

        /** No more can come. */
        void ended(String why);
    }

    private final Channel channel;
    private final boolean tellsWritten;
    private final Listener listener;
    private final WrittenPages written;
    private boolean writtenDue;
    private long position;

    ColoWords(Channel channel, List<RamBlockEntry> blocks, boolean tellsWritten, Listener listener) {
        this.channel = channel;
        this.tellsWritten = tellsWritten;
        this.listener = listener;
        this.written = new WrittenPages(blocks, listener);
    }

    /** Reads until nothing more comes; {@code buffer} has what came behind the first word, and is of {@code memory}. */
    void read(NativeMemory memory, ByteBuffer buffer) {
        listener.message(ColoMessage.CHECKPOINT_READY);
        try {
            while (true) {
                consume(buffer);
                buffer.compact();
                channel.acknowledgeAtOnce();
                int n = channel.read(memory, buffer.position(), buffer.remaining());
                if (n < 0) {
                    listener.ended("closed the connection");
                    return;
                }
                buffer.position(buffer.position() + n).flip();
            }
        } catch (RuntimeException | Error e) {
            listener.ended("broke off: " + MigrationException.sentence(e));
        }
    }

    private void consume(ByteBuffer in) {
        boolean advanced = true;
        while (advanced) {
            int before = in.position();
            if (writtenDue) {
                if (written.consume(in, position)) {
                    writtenDue = false;
                    listener.message(ColoMessage.CHECKPOINT_REPLY);
                }
            } else if (in.remaining() >= ColoMessage.BYTES) {
                word(ColoMessage.take(in, position));
            }
            advanced = in.position() > before;
            position += in.position() - before;
        }
    }

    private void word(ColoMessage message) {
        if (message == ColoMessage.CHECKPOINT_REPLY && tellsWritten) {
            writtenDue = true;
        } else {
            listener.message(message);
        }
    }
}
