// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.agreement.DestinationSide;
import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.incoming.checkpoint.Secondary;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.postcopy.PostcopySession;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import java.util.List;
import java.util.Optional;

/**
 * One guest's arrival, step by step: what {@link SourceStream} brings goes to {@link CommandReader}, {@link Placement}
 * and {@link Takeover}. The steps are called in order on {@code mig-incoming}.
 */
final class IncomingSession implements SourceStream.Listener, PostcopySession, AutoCloseable {
    private final IncomingPlan plan;
    private final SourceStream stream;
    private final DestinationSide agreement;
    private final Placement placement;
    private final CommandReader commands;
    private final Takeover takeover;
    private final IncomingProgress progress;
    private final IncomingControl control;
    private Optional<Secondary> secondary = Optional.empty();
    private List<DeviceSection> devices = List.of();

    IncomingSession(IncomingPlan plan, IncomingProgress progress, IncomingControl control) {
        this.plan = plan;
        this.progress = progress;
        this.control = control;
        this.stream = new SourceStream(plan, progress, this);
        this.agreement = new DestinationSide(
                plan.guest(), plan.run(), plan.postcopy(), () -> control.link().takesMore(), !plan.secondCopy());
        this.placement = new Placement(plan, progress);
        this.commands = new CommandReader(plan, stream, agreement, placement);
        this.takeover = new Takeover(plan, progress, stream);
    }

    @Override
    public Environment environment() {
        return plan.environment();
    }

    @Override
    public SourceStream stream() {
        return stream;
    }

    /** Goes on over this channel; see {@link SourceStream#connect}. */
    SourceStream.Connected connect(Channel channel) {
        return stream.connect(channel);
    }

    /** Takes the stream in: to its last byte, or to the command with which postcopy begins. */
    void receive() {
        stream.receive(commands::isPackaged);
        takeover.begin();
    }

    /** What postcopy needs, if the source has let the guest go before its memory. */
    Optional<PostcopyArrival> postcopy() {
        return commands.isPackaged() ? placement.watched() : Optional.empty();
    }

    /** Loads the devices, starts the guest and tells whether that worked out, as far as this side is concerned. */
    void takeOver() {
        if (agreement.isGodwit()) {
            refuseHoles();
        }
        placement.endPrecopy();
        takeover.start(takeover.load(devices));
    }

    /** Whether the guest has arrived as a secondary, to which checkpoints follow. */
    boolean isColo() {
        return secondary.isPresent();
    }

    /** Loads the devices and stays a secondary for as long as there is a primary. */
    void standBy() {
        if (agreement.isGodwit()) {
            refuseHoles();
        }
        placement.endPrecopy();
        secondary.orElseThrow().begin(takeover.load(devices));
        secondary.orElseThrow().conduct();
    }

    private void refuseHoles() {
        long missing = placement.missingPages();
        long holes = agreement.holes();
        if (missing != holes) {
            throw new MigrationException.Protocol("the stream ended, but " + missing + " pages never came"
                    + (holes == 0 ? "" : ", while the source left out " + holes));
        }
    }

    @Override
    public PostcopyPackage takePackage() {
        return commands.takePackage();
    }

    @Override
    public boolean load(PostcopyPackage pack) {
        takeover.begin();
        boolean ran = takeover.load(pack);
        for (int value : pack.pings()) {
            commands.answerPing(value);
        }
        return ran;
    }

    @Override
    public void start(boolean run) {
        takeover.start(run);
    }

    @Override
    public void confirm() {
        takeover.confirm();
    }

    /** The last word to the source: the guest will never run here. */
    void reject(String why) {
        takeover.reject(why);
    }

    @Override
    public void reconnect(Channel channel) {
        var _ = stream.connect(channel);
        stream.resume();
        commands.reconnected();
    }

    @Override
    public boolean hasReconnected() {
        return commands.hasSpoken();
    }

    @Override
    public void awaitFirstWord() {
        while (!commands.hasSpoken()) {
            stream.awaitMore();
        }
    }

    @Override
    public void agree() {
        while (!commands.isAgreed()) {
            stream.awaitMore();
        }
        stream.returnPath().send(new ReturnPathMessage.ResumeAck(1));
    }

    @Override
    public boolean sourceLeavesNoHoles() {
        return agreement.isGodwit();
    }

    @Override
    public Optional<CheckpointTaker> safety() {
        return commands.safety();
    }

    /** What there is of the guest's memory, once the source has advised postcopy. Any thread; for figures. */
    Optional<PostcopyArrival> watched() {
        return placement.watched();
    }

    /** Hashes of the pages as they came, where that was asked for. */
    Optional<PageDigests> digests() {
        return placement.digests();
    }

    @Override
    public void letRamChange() {
        placement.letRamChange();
    }

    @Override
    public void configuration(Configuration configuration) {
        try {
            accept(configuration);
        } catch (MigrationException e) {
            stream.refuse(e);
        }
    }

    private void accept(Configuration configuration) {
        plan.guest().acceptConfiguration(configuration);
        if (!configuration.capabilities().isEmpty()) {
            throw new MigrationException.Protocol("the source uses " + configuration.capabilities()
                    + ", which this version cannot do; switch it off at the source");
        }
        configuration.uuid().ifPresent(plan.guest()::assumeIdentity);
        agreement.identityArrived(configuration.uuid().isPresent());
    }

    @Override
    public void command(Command command) {
        commands.read(command);
        if (commands.isColo() && secondary.isEmpty()) {
            beginSecondary();
        }
    }

    private void beginSecondary() {
        Secondary begun = new Secondary(plan, agreement, stream, control.link(), control, progress.colo);
        secondary = Optional.of(begun);
        begun.prepare();
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> blocks) {
        if (plan.colo() && secondary.isEmpty() && plan.guest().guest().isEmpty() && !agreement.isGodwit()) {
            // WIRE: a QEMU of today goes by the capability and sends no command. A machine of ours has no QEMU sent.
            beginSecondary();
        }
        stream.placeInto(placement.begin(blocks, commands.isAdvised(), secondary));
        stream.returnPath().blocks(blocks);
    }

    @Override
    public void ramBlocksChanged(List<RamBlockEntry> blocks) {
        placement.change(blocks);
        stream.returnPath().blocks(blocks);
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String vmDescription) {
        devices = sections;
        plan.guest().acceptDescription(vmDescription);
    }

    /** Frees everything, the watch over the guest's memory included. */
    @Override
    public void close() {
        secondary.ifPresent(Secondary::close);
        stream.disconnect();
        placement.close();
        commands.close();
    }
}
