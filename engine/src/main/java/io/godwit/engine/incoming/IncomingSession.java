// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.DowntimeParts;
import io.godwit.engine.MigrationException;
import io.godwit.engine.arbiter.TokenAnnouncement;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * One stream, from its first byte to the guest's start or to the error that ends it. The steps are those of
 * {@link IncomingMigration}, which calls them in order on {@code mig-incoming}.
 */
final class IncomingSession implements StreamListener, AutoCloseable {
    /** Small enough to stay in the cache between the socket's copy and ours. */
    private static final int STAGING_BYTES = 256 << 10;

    private final IncomingMigration.Plan plan;
    private final Channel channel;
    private final IncomingProgress progress;
    private final ReturnPathOut returnPath;
    private final NativeMemory staging = NativeMemory.allocate(STAGING_BYTES);
    private final ByteBuffer buffer = staging.buffer(0, STAGING_BYTES);
    private final StreamReader reader;
    private Optional<RamReceiver> receiver = Optional.empty();
    private List<DeviceSection> devices = List.of();
    private boolean peerAsksForToken;
    private boolean identityArrived;
    private Optional<MigrationException> refusal = Optional.empty();
    private long normalPages;
    private long zeroPages;

    IncomingSession(IncomingMigration.Plan plan, Channel channel, IncomingProgress progress) {
        this.plan = plan;
        this.channel = channel;
        this.progress = progress;
        this.returnPath = new ReturnPathOut(channel);
        this.reader = new StreamReader(this, StreamLimits.DEFAULT);
    }

    /** Waits for the first bytes. */
    void awaitFirstBytes() {
        if (fill(Channel.FOREVER_NANOS) < 0) {
            throw new MigrationException.Transport("the source closed the connection without a byte");
        }
    }

    /** Takes the stream in, to its last byte. */
    void receive() {
        consume();
        while (!reader.isComplete()) {
            int taken = fill(silenceLimitNanos());
            if (taken < 0) {
                endOfInput("the source's stream broke off");
            } else if (taken == 0) {
                endOfInput("the source fell silent");
            }
            consume();
        }
        progress.lastByteNanos = plan.clock().nanoTime();
    }

    /** Loads the devices; the guest is whole then. Returns whether it ran at the source. */
    boolean load() {
        if (peerAsksForToken) {
            refuseHoles();
        }
        return GuestState.load(plan.guest(), devices);
    }

    /** Takes the right to run and starts the guest. */
    void start(boolean run) {
        long loaded = plan.clock().nanoTime();
        plan.run().claimArrived();
        long claimed = plan.clock().nanoTime();
        plan.run().startArrived(run && plan.guest().isRunnable());
        progress.parts = new DowntimeParts(
                0,
                0,
                0,
                0,
                0,
                loaded - progress.lastByteNanos,
                claimed - loaded,
                plan.clock().nanoTime() - claimed);
    }

    /** The last word to the source: the guest runs here. A source that is gone does not matter any more. */
    void confirm() {
        if (returnPath.isOpen()) {
            returnPath.send(new ReturnPathMessage.Shut(0));
        }
    }

    /** The last word to the source: the guest will never run here. */
    void reject() {
        if (returnPath.isOpen()) {
            returnPath.send(new ReturnPathMessage.Shut(1));
        }
    }

    /** Hashes of the pages as they came, where that was asked for. */
    Optional<PageDigests> digests() {
        return receiver.flatMap(RamReceiver::digests);
    }

    /**
     * How long the source may be silent now. In the device sections its guest stands still, and it waits for our answer: if it thinks that
     * it has sent everything and we do not, both sides would wait for ever.
     */
    private long silenceLimitNanos() {
        boolean answerDue = returnPath.isOpen() && reader.state() == StreamReader.State.TAIL;
        return answerDue ? plan.patience().toNanos() : Channel.FOREVER_NANOS;
    }

    /** Bytes that came; 0 if none came in time, -1 at the end of the stream. */
    private int fill(long timeoutNanos) {
        int n = channel.read(staging, buffer.position(), buffer.remaining(), timeoutNanos);
        if (n > 0) {
            buffer.position(buffer.position() + n);
            progress.transferredBytes.addAndGet(n);
        }
        return n;
    }

    private void consume() {
        try {
            buffer.flip();
            reader.consume(buffer);
            buffer.compact();
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

    private void refuseHoles() {
        long missing = receiver.map(RamReceiver::missingPages).orElse(0L);
        if (missing > 0) {
            throw new MigrationException.Protocol("the stream ended, but " + missing + " pages never came");
        }
    }

    @Override
    public void configuration(Configuration configuration) {
        try {
            accept(configuration);
        } catch (MigrationException e) {
            // The source can be told once it has opened the way back, which comes next if it comes at all.
            refusal = Optional.of(e);
        }
    }

    private void throwRefusal() {
        if (refusal.isPresent()) {
            throw refusal.get();
        }
    }

    private void accept(Configuration configuration) {
        plan.guest().acceptMachine(configuration.machine());
        if (!configuration.capabilities().isEmpty()) {
            throw new MigrationException.Protocol("the source uses " + configuration.capabilities()
                    + ", which this version cannot do; switch it off at the source");
        }
        configuration.uuid().ifPresent(plan.guest()::assumeIdentity);
        identityArrived = configuration.uuid().isPresent();
    }

    @Override
    public void command(Command command) {
        switch (command) {
            case Command.OpenReturnPath _ -> {
                if (!channel.isBidirectional()) {
                    throw new MigrationException.Protocol(
                            "the source wants answers, and " + channel.peer() + " has no way back");
                }
                returnPath.open();
                throwRefusal();
            }
            case Command.Ping(int value) -> answerPing(value);
            case Command.SwitchoverStart _ -> {}
            case Command.PostcopyAdvise _,
                    Command.PostcopyListen _,
                    Command.PostcopyRun _,
                    Command.PostcopyRamDiscard _,
                    Command.Packaged _,
                    Command.PostcopyResume _,
                    Command.ReceivedBitmap _ ->
                throw new MigrationException.Protocol(
                        "the source wants postcopy (" + command.getClass().getSimpleName()
                                + "), which this version cannot do; switch 'postcopy-ram' off at the source");
            case Command.EnableColo _ ->
                throw new MigrationException.Protocol(
                        "the source wants COLO, which this version cannot do; switch 'x-colo' off at the source");
        }
    }

    private void answerPing(int value) {
        if (!returnPath.isOpen()) {
            throw new MigrationException.Protocol("the source sent PING " + value + " without opening the return path");
        }
        if (value == TokenAnnouncement.QUESTION) {
            peerAsksForToken = true;
        }
        if (value == TokenAnnouncement.QUESTION) {
            // A token that is not the source's too is none: without the guest's name, or with another arbiter.
            boolean shared = identityArrived && plan.run().sharesTokenWithSource();
            returnPath.send(
                    new ReturnPathMessage.Pong(shared ? TokenAnnouncement.ANSWER : TokenAnnouncement.OTHER_TOKEN));
        }
        returnPath.send(new ReturnPathMessage.Pong(value));
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> blocks) {
        throwRefusal();
        plan.guest().acceptRam(blocks);
        receiver = Optional.of(new RamReceiver(
                plan.guest().ram().snapshot(),
                blocks.stream().map(RamBlockEntry::idstr).toList(),
                plan.withDigests()));
    }

    @Override
    public void page(int blockIndex, long offset, ByteBuffer content, int index) {
        receiver().place(blockIndex, offset, staging, index);
        normalPages++;
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        receiver().placeZero(blockIndex, offset);
        zeroPages++;
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String vmDescription) {
        throwRefusal();
        devices = sections;
    }

    @Override
    public void close() {
        returnPath.close();
        staging.close();
    }

    private RamReceiver receiver() {
        if (receiver.isEmpty()) {
            throw new IllegalStateException("pages before the list of blocks");
        }
        return receiver.get();
    }
}
