// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.agreement.DestinationSide;
import io.godwit.engine.agreement.Extension;
import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.incoming.postcopy.ArrivingBlock;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.postcopy.PostcopyPlacer;
import io.godwit.engine.incoming.precopy.DirectPlacer;
import io.godwit.engine.incoming.wire.ChannelInput;
import io.godwit.engine.incoming.wire.RamFollower;
import io.godwit.engine.incoming.wire.ReturnPathOut;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * One stream, from its first byte to its last: in postcopy over several connections, one after the other.
 *
 * <p>Threads: the steps are called in order on {@code mig-incoming}; {@link #receivePages} on {@code mig-listen}, which
 * has the stream for itself until it ends.
 */
final class IncomingSession implements StreamListener, AutoCloseable {
    private static final int STAGING_BYTES = 256 << 10;

    /** LIMIT: each costs this side a mapping at most; a guest's memory is plugged by people. */
    private static final int MAX_LIST_CHANGES = 4096;

    private static final String STILL_ARRIVING = "Memory can neither be added nor taken away now: the guest's memory is"
            + " still arriving. When query-migrate says completed, try again.";

    private record Connection(Channel channel, ChannelInput input, ReturnPathOut returnPath) {
        void close() {
            returnPath.close();
            input.close();
        }
    }

    private final IncomingPlan plan;
    private final IncomingProgress progress;
    private final StreamReader reader;
    private final DestinationSide agreement;
    private Optional<Connection> connection = Optional.empty();
    private Optional<PagePlace> receiver = Optional.empty();
    private Optional<DirectPlacer> precopy = Optional.empty();
    private volatile Optional<PostcopyArrival> arrival = Optional.empty();
    private List<DeviceSection> devices = List.of();
    private Optional<Bytes> packaged = Optional.empty();
    private Optional<RamBlocks.Hold> hold = Optional.empty();
    private int listChanges;
    private volatile Optional<CheckpointTaker> safety = Optional.empty();
    private boolean advised;
    private boolean reconnected;
    private boolean resumed;
    private Optional<MigrationException> refusal = Optional.empty();
    private long normalPages;
    private long zeroPages;

    IncomingSession(IncomingPlan plan, IncomingProgress progress) {
        this.plan = plan;
        this.progress = progress;
        this.agreement = new DestinationSide(plan.guest(), plan.run(), plan.postcopy());
        this.reader = new StreamReader(this, StreamLimits.DEFAULT);
    }

    /** A session that has a channel, until this is closed: nobody writes to the channel then. */
    interface Connected extends AutoCloseable {
        @Override
        void close();
    }

    /** Goes on over this channel; it belongs to the caller, who closes it after {@link Connected}. */
    Connected connect(Channel channel) {
        disconnect();
        connection = Optional.of(
                new Connection(channel, new ChannelInput(channel, STAGING_BYTES), new ReturnPathOut(channel)));
        return this::disconnect;
    }

    /** The channel is of no more use. Harmless when repeated. */
    void disconnect() {
        connection.ifPresent(Connection::close);
        connection = Optional.empty();
    }

    private Connection connection() {
        return connection.orElseThrow(() -> new IllegalStateException("the session has no connection"));
    }

    /** Where answers of this connection go. */
    ReturnPathOut returnPath() {
        return connection().returnPath();
    }

    /**
     * Waits for the first bytes.
     *
     * @return whether any came in time; false at the end of the stream, too
     */
    boolean awaitBytes(long timeoutNanos) {
        return fill(timeoutNanos) > 0;
    }

    /** Takes the stream in: to its last byte, or to the command with which postcopy begins. */
    void receive() {
        consume();
        while (!reader.isComplete() && packaged.isEmpty()) {
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

    /** What postcopy needs, if the source means to let the guest run before its memory has come. */
    Optional<PostcopyArrival> postcopy() {
        return packaged.isEmpty() ? Optional.empty() : arrival;
    }

    /** The guest's devices in postcopy. */
    PostcopyPackage takePackage() {
        try {
            return PostcopyPackage.decode(packaged.orElseThrow(), StreamLimits.DEFAULT);
        } catch (StreamFormatException e) {
            throw new MigrationException.Protocol(String.valueOf(e.getMessage()), e);
        }
    }

    /** Pages go there from now on. */
    void placeInto(PagePlace next) {
        receiver = Optional.of(next);
    }

    /** Takes the pages of postcopy in, to the stream's last byte. On {@code mig-listen}. */
    void receivePages(PostcopyPlacer placer) {
        placeInto(placer);
        consume();
        while (!reader.isComplete()) {
            if (fill(Channel.FOREVER_NANOS) < 0) {
                endOfInput("the source's stream broke off");
            }
            placer.readAt(System.nanoTime());
            consume();
        }
    }

    /** A new connection is there: the stream goes on with commands. */
    void reconnect() {
        reader.resume();
        returnPath().open();
        returnPath().blocks(reader.ramBlocks());
        agreement.reconnected();
        reconnected = false;
        resumed = false;
    }

    /** Whether something came on the new connection that only a source says. */
    boolean hasReconnected() {
        return reconnected;
    }

    /** Waits for the first thing that a source says on a new connection. */
    void awaitFirstWord() {
        while (!reconnected) {
            awaitMore();
        }
    }

    /** Whether both sides know what is missing, and the source wants to go on. */
    boolean isAgreed() {
        return resumed;
    }

    /** Waits for more of the stream and takes it in; the source answers at once or is gone. */
    void awaitMore() {
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

    /** Loads the devices; the guest is whole then. Returns whether it ran at the source. */
    boolean load() {
        if (agreement.isGodwit()) {
            refuseHoles();
        }
        // Postcopy was possible, and did not come: from here on the memory is like any other.
        arrival.ifPresent(PostcopyArrival::close);
        return GuestState.load(plan.guest(), devices);
    }

    /** Loads the devices that came in one piece. Returns whether the guest ran at the source. */
    boolean load(PostcopyPackage pack) {
        progress.lastByteNanos = plan.clock().nanoTime();
        boolean ran = true;
        if (pack.devices().isPresent()) {
            ran = GuestState.load(plan.guest(), pack.devices().get());
        } else {
            plan.guest().acceptOpaqueDevices(pack.deviceBytes());
        }
        for (int value : pack.pings()) {
            answerPing(value);
        }
        return ran;
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
        say(0);
    }

    /** The last word to the source: the guest will never run here. */
    void reject() {
        say(1);
    }

    private void say(int status) {
        if (connection.isPresent() && returnPath().isOpen()) {
            returnPath().send(new ReturnPathMessage.Shut(status));
        }
    }

    /** Ready to go on, once {@link #isAgreed}. */
    void acknowledgeResume() {
        returnPath().send(new ReturnPathMessage.ResumeAck(1));
    }

    /** Hashes of the pages as they came, where that was asked for. */
    Optional<PageDigests> digests() {
        return arrival.isPresent() ? arrival.get().digests() : precopy.flatMap(DirectPlacer::digests);
    }

    /** Whether the source is a Godwit, which knows that every page must come. */
    boolean sourceLeavesNoHoles() {
        return agreement.isGodwit();
    }

    /** What there is of the guest's memory, once the source has advised postcopy; for figures. */
    Optional<PostcopyArrival> arrival() {
        return arrival;
    }

    /** What sends epochs back, if the source wants that. Any thread. */
    Optional<CheckpointTaker> safety() {
        return safety;
    }

    /** Bytes that came on another channel. Any thread. */
    void countBytes(int bytes) {
        long _ = progress.transferredBytes.addAndGet(bytes);
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
            countBytes(n);
        }
        return n;
    }

    private void consume() {
        ChannelInput input = connection().input();
        try {
            reader.consume(input.received());
            receiver.ifPresent(PagePlace::flush);
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

    private void refuseHoles() {
        long missing = arrival.map(PostcopyArrival::missingPages)
                .or(() -> precopy.map(DirectPlacer::missingPages))
                .orElse(0L);
        long holes = agreement.holes();
        if (missing != holes) {
            throw new MigrationException.Protocol("the stream ended, but " + missing + " pages never came"
                    + (holes == 0 ? "" : ", while the source left out " + holes));
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
        agreement.identityArrived(configuration.uuid().isPresent());
    }

    @Override
    public void command(Command command) {
        reconnected = true;
        agreement.refuseWithoutMark(command);
        // What a command says holds for the pages that came before it.
        receiver.ifPresent(PagePlace::flush);
        switch (command) {
            case Command.OpenReturnPath _ -> openReturnPath();
            case Command.Ping(int value) -> answerPing(value);
            case Command.SwitchoverStart _ -> {}
            case Command.PostcopyAdvise advise -> advise(advise);
            case Command.PostcopyRamDiscard discard -> discard(discard);
            case Command.Packaged(Bytes blob) -> {
                // Pages, faults and epochs go by the list as it is until all of it is there.
                hold = hold.or(() -> Optional.of(plan.guest().ram().hold(STILL_ARRIVING)));
                packaged = Optional.of(blob);
                reader.stopConsuming();
            }
            case Command.ReceivedBitmap(String block) -> tellReceived(block);
            case Command.PostcopyResume _ -> {
                resumed = true;
                reader.stopConsuming();
            }
            case Command.PostcopyListen _, Command.PostcopyRun _ ->
                throw new MigrationException.Protocol(
                        "the source sent " + command.getClass().getSimpleName() + " outside of the packaged command");
            case Command.EnableColo _ ->
                throw new MigrationException.Protocol(
                        "the source wants COLO, which this version cannot do; switch 'x-colo' off at the source");
        }
    }

    private void openReturnPath() {
        Channel channel = connection().channel();
        if (!channel.isBidirectional()) {
            throw new MigrationException.Protocol(
                    "the source wants answers, and " + channel.peer() + " has no way back");
        }
        returnPath().open();
        throwRefusal();
    }

    private void answerPing(int value) {
        if (!returnPath().isOpen()) {
            throw new MigrationException.Protocol("the source sent PING " + value + " without opening the return path");
        }
        agreement.answer(value, pong -> returnPath().send(new ReturnPathMessage.Pong(pong)));
        if (agreement.agreed(Extension.PLUG)) {
            reader.allowChangedBlockList();
        }
        if (agreement.agreed(Extension.SAFETY) && safety.isEmpty()) {
            CheckpointTaker.Settings settings = new CheckpointTaker.Settings(Long.MAX_VALUE, plan.patience());
            safety = Optional.of(new CheckpointTaker(plan.guest(), plan.run(), settings, plan.clock()));
        }
    }

    private void advise(Command.PostcopyAdvise advise) {
        if (!plan.postcopy()) {
            throw new MigrationException.Protocol("the source may want to go on with postcopy, which is off here;"
                    + " switch 'postcopy-ram' off at the source, or on at both sides");
        }
        if (advise.pageSizeSummary().isEmpty()) {
            throw new MigrationException.Protocol("the source wants postcopy of its disks' dirty bitmaps, which this"
                    + " version cannot do; switch 'dirty-bitmaps' off at the source");
        }
        PostcopyArrival.refuseUnsupported(plan.guest(), advise.pageSizeSummary().getAsLong());
        advised = true;
    }

    private void discard(Command.PostcopyRamDiscard discard) {
        PostcopyArrival memory = arrival.orElseThrow(
                () -> new MigrationException.Protocol("the source discards pages before the list of RAM blocks"));
        for (Command.Range range : discard.ranges()) {
            memory.memory().discard(discard.block(), range.start(), range.byteLength());
        }
    }

    private void tellReceived(String idstr) {
        ArrivingBlock block = arrival.orElseThrow().memory().blocks().stream()
                .filter(b -> b.block().idstr().equals(idstr))
                .findFirst()
                .orElseThrow(() ->
                        new MigrationException.Protocol("the source asks for an unknown RAM block '" + idstr + "'"));
        returnPath().sendReceived(idstr, block.received());
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> blocks) {
        throwRefusal();
        plan.guest().acceptRam(blocks);
        returnPath().blocks(blocks);
        if (advised) {
            PostcopyArrival made = new PostcopyArrival(plan.guest(), blocks, plan.withDigests(), progress);
            arrival = Optional.of(made);
            placeInto(made.precopyPlacer());
        } else {
            DirectPlacer plain = new DirectPlacer(
                    plan.guest().ram().snapshot(),
                    blocks.stream().map(RamBlockEntry::idstr).toList(),
                    plan.withDigests());
            precopy = Optional.of(plain);
            placeInto(plain);
        }
    }

    @Override
    public void ramBlocksChanged(List<RamBlockEntry> blocks) {
        if (++listChanges > MAX_LIST_CHANGES) {
            throw new MigrationException.Protocol("the source has changed its list of RAM blocks " + listChanges
                    + " times; " + MAX_LIST_CHANGES + " are possible in one migration");
        }
        arrival.ifPresent(watched -> watched.forgetAllBut(blocks));
        RamBlocks ram = plan.guest().ram();
        RamFollower.follow(ram, plan.guest().ramPlug().orElseThrow(), blocks);
        returnPath().blocks(blocks);
        precopy.ifPresent(plain -> plain.follow(
                ram.snapshot(), blocks.stream().map(RamBlockEntry::idstr).toList()));
        arrival.ifPresent(watched -> {
            watched.follow(ram.snapshot(), blocks);
            placeInto(watched.precopyPlacer());
        });
    }

    @Override
    public void page(int blockIndex, long offset, ByteBuffer content, int index) {
        receiver().place(blockIndex, offset, connection().input().staging(), index);
        normalPages++;
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        receiver().placeZero(blockIndex, offset);
        zeroPages++;
    }

    @Override
    public void sectionEnd(SectionHeader section) {
        // The source sends together what may be placed together: few pages while the guest asks for others.
        receiver.ifPresent(PagePlace::flush);
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String vmDescription) {
        throwRefusal();
        devices = sections;
    }

    private PagePlace receiver() {
        return receiver.orElseThrow(() -> new IllegalStateException("pages before the list of blocks"));
    }

    /** All memory is here: blocks may come and go. */
    void letRamChange() {
        hold.ifPresent(RamBlocks.Hold::close);
    }

    /** Frees everything, the watch over the guest's memory included. */
    @Override
    public void close() {
        disconnect();
        arrival.ifPresent(PostcopyArrival::close);
        letRamChange();
        safety.ifPresent(CheckpointTaker::close);
    }
}
