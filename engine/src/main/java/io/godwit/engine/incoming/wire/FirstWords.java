// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.agreement.Reason;
import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.checkpoint.CompareWire;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.engine.transport.Recognition;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamBegin;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * How a source begins its connections: the stream with its header, or after a lost connection with a command; epochs
 * with a greeting; the preempt channel with the record of a page in a block that is known.
 *
 * <p>Threads: any; the doorman's asks.
 */
final class FirstWords implements Recognition {
    private final boolean resumes;
    private final boolean postcopy;
    private volatile Optional<List<RamBlockEntry>> blocks = Optional.empty();

    /**
     * Before anything is known of the source.
     *
     * @param resumes whether the stream has begun on another connection
     * @param postcopy whether the source may open a preempt channel
     */
    FirstWords(boolean resumes, boolean postcopy) {
        this.resumes = resumes;
        this.postcopy = postcopy;
    }

    /** From now on a connection may begin with a page of one of these. */
    void pagesOf(List<RamBlockEntry> known) {
        blocks = Optional.of(known);
    }

    @Override
    public boolean mayBeSilent() {
        return postcopy;
    }

    @Override
    public byte[] tooLate(ConnectionRole role, String holder) {
        if (role != ConnectionRole.MAIN) {
            return new byte[0];
        }
        List<ReturnPathMessage> words = Reason.tell(
                resumes
                        ? "it goes on with another source already, from " + holder
                                + "; if that is not this guest's, say 'migrate-pause' and 'migrate-recover' there"
                        : "it takes another guest in already, from " + holder + "; use another destination");
        ByteBuffer bytes = ByteBuffer.allocate(
                words.stream().mapToInt(ReturnPathMessage::byteLength).sum());
        words.forEach(word -> word.encode(bytes));
        return bytes.array();
    }

    @Override
    public Verdict judge(ByteBuffer first) {
        if (first.remaining() < Integer.BYTES) {
            return new Verdict.Unclear();
        }
        if (CheckpointTaker.isGreeting(first)) {
            return new Verdict.Known(ConnectionRole.EPOCHS);
        }
        if (CompareWire.isGreeting(first)) {
            return new Verdict.Known(ConnectionRole.COMPARE);
        }
        StreamBegin main = resumes ? StreamBegin.ofResumedStream(first) : StreamBegin.ofStream(first);
        StreamBegin preempt =
                blocks.map(known -> StreamBegin.ofPreemptChannel(first, known)).orElse(StreamBegin.DIFFERS);
        if (main == StreamBegin.MATCHES) {
            return new Verdict.Known(ConnectionRole.MAIN);
        }
        if (preempt == StreamBegin.MATCHES) {
            return new Verdict.Known(ConnectionRole.PREEMPT);
        }
        return main == StreamBegin.UNCLEAR || preempt == StreamBegin.UNCLEAR
                ? new Verdict.Unclear()
                : new Verdict.Stranger("it begins with 0x%08x, as no source does".formatted(first.getInt(0)));
    }
}
