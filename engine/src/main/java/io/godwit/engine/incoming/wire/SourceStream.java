// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ChannelInput;
import io.godwit.stream.ColoListener;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.ColoReader;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import io.godwit.stream.WrittenPages;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * The stream of one source, from its first byte to its last: in postcopy over several connections, one after the
 * other. Pages go to their place, all else to a {@link Listener}.
 *
 * <p>Threads: {@code mig-incoming}; {@code mig-listen} while it is in {@link #receivePages}, which has the stream for
 * itself until it ends.
 */
public final class SourceStream {
    private static final int STAGING_BYTES = 256 << 10;

    /** Hears all that is no page, see {@link StreamListener}. The pages that came before are in place then. */
    public interface Listener {
        /** The first thing in a stream. */
        void configuration(Configuration configuration);

        /** A command. */
        void command(Command command);

        /** The guest's blocks, once. A place for their pages must be there when this returns. */
        void ramBlocks(List<RamBlockEntry> blocks);

        /** The guest has other blocks now. */
        void ramBlocksChanged(List<RamBlockEntry> blocks);

        /** The devices' state, when all of it has come, and its description. */
        void deviceSections(List<DeviceSection> sections, String vmDescription);
    }

    /** A stream that has a channel, until this is closed: nobody writes to the channel then. */
    public interface Connected extends AutoCloseable {
        @Override
        void close();
    }

    private record Connection(Channel channel, ChannelInput input, ReturnPathOut returnPath) {
        void close() {
            returnPath.close();
            input.close();
        }
    }

    private final IncomingPlan plan;
    private final IncomingProgress progress;
    private final Listener listener;
    private final StreamReader reader;
    private Optional<Connection> connection = Optional.empty();
    private Optional<PagePlace> place = Optional.empty();
    private Optional<MigrationException> refusal = Optional.empty();
    private long normalPages;
    private long zeroPages;

    /** A stream of which nothing has come. */
    public SourceStream(IncomingPlan plan, IncomingProgress progress, Listener listener) {
        this.plan = plan;
        this.progress = progress;
        this.listener = listener;
        this.reader = new StreamReader(new Records(), StreamLimits.DEFAULT);
    }

    /** Goes on over this channel; it belongs to the caller, who closes it after {@link Connected}. */
    public Connected connect(Channel channel) {
        disconnect();
        if (!channel.isBidirectional()) {
            reader.allowBytesBehindTheEnd();
        }
        connection = Optional.of(new Connection(
                channel, new ChannelInput(channel, STAGING_BYTES), new ReturnPathOut(channel, plan.environment())));
        return this::disconnect;
    }

    /** The channel is of no more use. Harmless when repeated. */
    public void disconnect() {
        connection.ifPresent(Connection::close);
        connection = Optional.empty();
    }

    /** Whether the source can be told something now. */
    public boolean canAnswer() {
        return connection.isPresent() && returnPath().isOpen();
    }

    private Connection connection() {
        return connection.orElseThrow(() -> new IllegalStateException("the stream has no connection"));
    }

    /** The channel of this connection. */
    public Channel channel() {
        return connection().channel();
    }

    /** Where answers of this connection go. */
    public ReturnPathOut returnPath() {
        return connection().returnPath();
    }

    /** Pages go there from now on. */
    public void placeInto(PagePlace next) {
        place = Optional.of(next);
    }

    /**
     * The source must be refused. It can be told once it has opened the way back, which comes next if it comes at all:
     * until then what it says is read and not used.
     */
    public void refuse(MigrationException reason) {
        refusal = Optional.of(reason);
    }

    /**
     * From here on what comes is used.
     *
     * @throws MigrationException if the source has been refused
     */
    public void throwRefusal() {
        if (refusal.isPresent()) {
            throw refusal.get();
        }
    }

    /** Whether the list of blocks may change. */
    public void allowChangedBlockList() {
        reader.allowChangedBlockList();
    }

    /** What comes behind this command is not read before the next step. */
    public void stopConsuming() {
        reader.stopConsuming();
    }

    /**
     * Waits for the first bytes.
     *
     * @return whether any came in time; false at the end of the stream, too
     */
    public boolean awaitBytes(long timeoutNanos) {
        return fill(timeoutNanos) > 0;
    }

    /** Takes the stream in: to its last byte, or to the command with which {@code enough} becomes true. */
    public void receive(BooleanSupplier enough) {
        consume();
        while (!reader.isComplete() && !enough.getAsBoolean()) {
            int taken = fill(silenceLimitNanos());
            if (taken < 0) {
                endOfInput("the source's stream broke off");
            } else if (taken == 0) {
                endOfInput("the source fell silent");
            }
            consume();
        }
    }

    /**
     * Takes the pages of postcopy in, to the stream's last byte. On {@code mig-listen}.
     *
     * @param read hears when the pages that come next were read
     */
    public void receivePages(PagePlace into, LongConsumer read) {
        placeInto(into);
        consume();
        while (!reader.isComplete()) {
            if (fill(Channel.FOREVER_NANOS) < 0) {
                endOfInput("the source's stream broke off");
            }
            read.accept(plan.clock().nanoTime());
            consume();
        }
    }

    /**
     * Takes the checkpoints that follow the stream, for as long as the connection lasts.
     *
     * @param into where their pages go
     * @throws MigrationException the end of it
     */
    public void receiveCheckpoints(ColoListener checkpoints, PagePlace into) {
        placeInto(into);
        ColoReader colo = reader.checkpoints(checkpoints);
        while (true) {
            consume(colo);
            if (fill(Channel.FOREVER_NANOS) < 0) {
                StreamFormatException end = colo.hungUp();
                throw new MigrationException.Transport(String.valueOf(end.getMessage()), end);
            }
        }
    }

    private void consume(ColoReader colo) {
        ChannelInput input = connection().input();
        try {
            colo.consume(input.received());
            flush();
            input.keepRest();
        } catch (StreamFormatException e) {
            throw new MigrationException.Protocol(String.valueOf(e.getMessage()), e);
        }
    }

    /** Says a word of COLO to the primary. */
    public void send(ColoMessage message) {
        returnPath().send(message);
    }

    /** Says that the guest stands still, and what it has written: so many words, and what tells them. */
    public void reply(int words, Consumer<WrittenPages.Listener> written) {
        returnPath()
                .sendReply(
                        words,
                        out -> written.accept((block, word, bits) -> WrittenPages.putWord(out, block, word, bits)));
    }

    /** A new connection is there: the stream goes on with commands. */
    public void resume() {
        reader.resume();
        returnPath().open();
        returnPath().blocks(reader.ramBlocks());
    }

    /** Waits for more of the stream and takes it in; the source answers at once or is gone. */
    public void awaitMore() {
        int taken = fill(plan.patience().toNanos());
        if (taken < 0) {
            endOfInput("the source's stream broke off");
            throw new MigrationException.Transport("the source's stream broke off");
        } else if (taken == 0) {
            throw new MigrationException.Transport(
                    "the source said nothing for " + plan.patience().toMillis() + " ms");
        }
        consume();
    }

    /**
     * How long the source may be silent now. In the device sections its guest stands still, and it waits for our
     * answer: if it thinks that it has sent everything and we do not, both sides would wait for ever.
     */
    private long silenceLimitNanos() {
        boolean answerDue = returnPath().isOpen()
                && (reader.state() == StreamReader.State.TAIL || reader.state() == StreamReader.State.PACKAGED);
        return answerDue ? plan.patience().toNanos() : Channel.FOREVER_NANOS;
    }

    private int fill(long timeoutNanos) {
        int n = connection().input().fill(timeoutNanos);
        if (n > 0) {
            progress.countBytes(n);
        }
        return n;
    }

    private void consume() {
        ChannelInput input = connection().input();
        try {
            reader.consume(input.received());
            flush();
            input.keepRest();
            progress.normalPages.set(normalPages);
            progress.zeroPages.set(zeroPages);
        } catch (StreamFormatException e) {
            throw new MigrationException.Protocol(String.valueOf(e.getMessage()), e);
        }
    }

    private void endOfInput(String what) {
        throwRefusal();
        try {
            reader.endOfInput();
        } catch (StreamFormatException e) {
            throw new MigrationException.Transport(what + ": " + e.getMessage(), e);
        }
    }

    private void flush() {
        if (place.isPresent()) {
            place.get().flush();
        }
    }

    private PagePlace place() {
        return place.orElseThrow(() -> new IllegalStateException("pages before the list of blocks"));
    }

    private final class Records implements StreamListener {
        @Override
        public void configuration(Configuration configuration) {
            listener.configuration(configuration);
        }

        @Override
        public void command(Command command) {
            // What a command says holds for the pages that came before it.
            flush();
            listener.command(command);
        }

        @Override
        public void ramBlocks(List<RamBlockEntry> blocks) {
            throwRefusal();
            listener.ramBlocks(blocks);
        }

        @Override
        public void ramBlocksChanged(List<RamBlockEntry> blocks) {
            flush();
            listener.ramBlocksChanged(blocks);
        }

        @Override
        public void page(int blockIndex, long offset, ByteBuffer content, int index) {
            place().place(blockIndex, offset, connection().input().memoryOf(content), index);
            normalPages++;
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            place().placeZero(blockIndex, offset);
            zeroPages++;
        }

        @Override
        public void sectionEnd(SectionHeader section) {
            // The source sends together what may be placed together: few pages while the guest asks for others.
            flush();
        }

        @Override
        public void deviceSections(List<DeviceSection> sections, String vmDescription) {
            throwRefusal();
            listener.deviceSections(sections, vmDescription);
        }
    }
}
