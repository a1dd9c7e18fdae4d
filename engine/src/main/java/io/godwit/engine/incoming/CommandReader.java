// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.agreement.DestinationSide;
import io.godwit.engine.agreement.Extension;
import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.postcopy.ArrivingBlock;
import io.godwit.engine.incoming.postcopy.ArrivingMemory;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import java.util.Optional;

/**
 * Does what the source's commands say, and remembers what they said. On the thread that reads the main channel.
 */
final class CommandReader implements AutoCloseable {
    private final IncomingPlan plan;
    private final SourceStream stream;
    private final DestinationSide agreement;
    private final Placement placement;
    private boolean advised;
    private boolean spoken;
    private boolean resumed;
    private boolean colo;
    private Optional<Bytes> packaged = Optional.empty();
    private volatile Optional<CheckpointTaker> safety = Optional.empty();

    CommandReader(IncomingPlan plan, SourceStream stream, DestinationSide agreement, Placement placement) {
        this.plan = plan;
        this.stream = stream;
        this.agreement = agreement;
        this.placement = placement;
    }

    /** Whether postcopy may follow. */
    boolean isAdvised() {
        return advised;
    }

    /** Whether the guest goes before its memory: its devices have come in one piece. */
    boolean isPackaged() {
        return packaged.isPresent();
    }

    /** The guest's devices in postcopy. */
    PostcopyPackage takePackage() {
        try {
            return PostcopyPackage.decode(packaged.orElseThrow(), StreamLimits.DEFAULT);
        } catch (StreamFormatException e) {
            throw new MigrationException.Protocol(String.valueOf(e.getMessage()), e);
        }
    }

    /** What sends epochs back, if the source wants that. Any thread. */
    Optional<CheckpointTaker> safety() {
        return safety;
    }

    /** A new connection begins. */
    void reconnected() {
        agreement.reconnected();
        spoken = false;
        resumed = false;
    }

    /** Whether something came on this connection that only a source says. */
    boolean hasSpoken() {
        return spoken;
    }

    /** Whether both sides know what is missing, and the source wants to go on. */
    boolean isAgreed() {
        return resumed;
    }

    /** Does what one command says. */
    void read(Command command) {
        spoken = true;
        agreement.refuseWithoutMark(command);
        switch (command) {
            case Command.OpenReturnPath _ -> openReturnPath();
            case Command.Ping(int value) -> answerPing(value);
            case Command.SwitchoverStart _ -> {}
            case Command.PostcopyAdvise advise -> advise(advise);
            case Command.PostcopyRamDiscard discard -> discard(discard);
            case Command.Packaged(Bytes blob) -> {
                placement.holdRam();
                packaged = Optional.of(blob);
                stream.stopConsuming();
            }
            case Command.ReceivedBitmap(String block) -> tellReceived(block);
            case Command.PostcopyResume _ -> {
                resumed = true;
                stream.stopConsuming();
            }
            case Command.PostcopyListen _, Command.PostcopyRun _ ->
                throw new MigrationException.Protocol(
                        "the source sent " + command.getClass().getSimpleName() + " outside of the packaged command");
            case Command.EnableColo _ -> enableColo();
        }
    }

    private void enableColo() {
        if (!plan.colo()) {
            throw new MigrationException.Protocol(
                    "the source wants COLO, which is off here; switch 'x-colo' on at both sides, or off at the source");
        }
        if (stream.returnPath().isOpen() && !agreement.isGodwit()) {
            throw new MigrationException.Protocol("the source wants COLO and has opened the return path, on which a"
                    + " QEMU takes the first word of COLO for nonsense; switch 'return-path' off at the source");
        }
        if (!stream.returnPath().isOpen() && plan.guest().guest().isPresent()) {
            throw new MigrationException.Protocol("the source wants COLO and has not opened the return path, without"
                    + " which it cannot know that this is a Godwit; switch 'return-path' on at the source");
        }
        if (!agreement.takesMore() && plan.guest().guest().isPresent()) {
            throw new MigrationException.Protocol("the source wants COLO over one connection, and a Godwit needs"
                    + " another one for heartbeats and for what is compared; use tcp: or unix:");
        }
        colo = true;
    }

    /** Whether checkpoints follow the stream. */
    boolean isColo() {
        return colo;
    }

    private void openReturnPath() {
        Channel channel = stream.channel();
        if (!channel.isBidirectional()) {
            throw new MigrationException.Protocol(
                    "the source wants answers, and " + channel.peer() + " has no way back");
        }
        stream.returnPath().open();
        stream.throwRefusal();
    }

    /** Answers a PING, wherever it came. */
    void answerPing(int value) {
        if (!stream.canAnswer()) {
            throw new MigrationException.Protocol("the source sent PING " + value + " without opening the return path");
        }
        agreement.answer(value, pong -> stream.returnPath().send(new ReturnPathMessage.Pong(pong)));
        if (agreement.agreed(Extension.PLUG)) {
            stream.allowChangedBlockList();
        }
        if (agreement.agreed(Extension.SAFETY) && safety.isEmpty()) {
            CheckpointTaker.Settings settings = new CheckpointTaker.Settings(Long.MAX_VALUE, plan.patience());
            safety = Optional.of(
                    new CheckpointTaker(plan.guest().guest().orElseThrow(), plan.run(), settings, plan.environment()));
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
        ArrivingMemory memory = placement
                .watched()
                .orElseThrow(() ->
                        new MigrationException.Protocol("the source discards pages before the list of RAM blocks"))
                .memory();
        for (Command.Range range : discard.ranges()) {
            memory.discard(discard.block(), range.start(), range.byteLength());
        }
    }

    private void tellReceived(String idstr) {
        ArrivingBlock block = placement.watched().orElseThrow().memory().blocks().stream()
                .filter(b -> b.block().idstr().equals(idstr))
                .findFirst()
                .orElseThrow(() ->
                        new MigrationException.Protocol("the source asks for an unknown RAM block '" + idstr + "'"));
        stream.returnPath().sendReceived(idstr, block.received());
    }

    /** Ends the sending of epochs. */
    @Override
    public void close() {
        safety.ifPresent(CheckpointTaker::close);
    }
}
