// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.environment.Doorbell;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.plan.PostcopyProgress;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.engine.outgoing.wire.Verdict;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * One connection to the destination in postcopy, from the switch or the recovery until it breaks or all is done: main
 * channel, way back, perhaps the channel of requested pages, and the push over them. Made, used and closed on {@code
 * mig-outgoing}.
 */
public final class PostcopyConnection implements ReturnPath.PostcopyAnswers, AutoCloseable {
    private final OutgoingPlan plan;
    private final OutgoingProgress progress;
    private final Channel channel;
    private final List<RamBlockEntry> entries;
    private final Optional<Channel> requestChannel;
    private final ReturnPath returnPath;
    private final PageRequests requests;
    private final PagePush push;
    private volatile int packagePing;
    private volatile boolean devicesLoaded;
    private Optional<SafetySource.Connection> epochs = Optional.empty();
    private volatile Runnable onDevicesLoaded = () -> {};
    private boolean closed;

    /**
     * Takes over the channels.
     *
     * @param requestChannel the second connection, with {@code postcopy-preempt}
     */
    public PostcopyConnection(
            OutgoingPlan plan,
            OwedPages pages,
            List<RamBlockEntry> entries,
            OutgoingProgress progress,
            WireMeter meter,
            Channel channel,
            Optional<Channel> requestChannel,
            ReturnPath returnPath,
            AbortSignal abort) {
        this.plan = plan;
        this.progress = progress;
        this.channel = channel;
        this.entries = entries;
        this.requestChannel = requestChannel;
        this.returnPath = returnPath;
        Doorbell bell = plan.environment().newDoorbell();
        PostcopyProgress postcopy = progress.postcopy;
        this.requests = new PageRequests(
                pages,
                postcopy,
                plan.clock(),
                bell,
                requestChannel.map(second ->
                        PageSender.onChannelOfRequestedPages(second, new PageRecordWriter(entries), meter, postcopy)),
                plan.guest().wantedPages());
        PageSender sender = PageSender.onMainChannel(channel, new PageRecordWriter(entries), meter, postcopy);
        this.push = new PagePush(plan, pages, sender, requests, bell, abort, postcopy);
    }

    /** Takes over the connection on which epochs come back. */
    public void addEpochs(SafetySource.Connection connection) {
        epochs = Optional.of(connection);
    }

    /**
     * From here on the destination may ask for pages.
     *
     * @param ping whose PONG shows that the destination has loaded the devices; 0 if it has long done so
     * @param devicesLoaded told when it comes
     */
    public void answerRequests(int ping, Runnable devicesLoaded) {
        packagePing = ping;
        onDevicesLoaded = devicesLoaded;
        returnPath.beginPostcopy(this, entries);
    }

    /**
     * Sends all that is owed and waits for the destination's last word.
     *
     * @throws MigrationException if the connection breaks, or the destination does not have everything
     */
    public void conduct() {
        push.run();
        push.awaitArrival();
        returnPath.expectVerdict();
        push.end();
        long patience = TimeUnit.MILLISECONDS.toNanos(plan.parameters().get().handoverTimeoutMillis());
        Verdict verdict = returnPath.awaitVerdict(patience);
        switch (verdict) {
            case Verdict.Accepted _ -> {}
            case Verdict.Rejected rejected ->
                throw new MigrationException.Protocol("the destination " + rejected.describe());
            case Verdict.Silent _, Verdict.TurnedAway _ ->
                throw new MigrationException.Transport(
                        "all memory was sent to " + channel.peer() + ", but the destination " + verdict.describe());
        }
    }

    @Override
    public void pageRequest(int blockIndex, long offset, long byteLength, long readNanos) {
        requests.take(blockIndex, offset, byteLength, readNanos);
    }

    @Override
    public void pong(int value, long readNanos) {
        if (PushWindow.isWindowPong(value)) {
            push.pong(value, readNanos);
        } else if (value == packagePing && !devicesLoaded) {
            devicesLoaded = true;
            progress.devicesLoadedNanos = readNanos;
            onDevicesLoaded.run();
        }
    }

    /** {@link ReturnPath#toldCause}. */
    public Throwable toldCause(Throwable cause) {
        return returnPath.toldCause(cause);
    }

    /** The destination's last word on this connection; final once the connection is closed. */
    public Verdict verdict() {
        return returnPath.verdict();
    }

    /** Whether the destination is a Godwit, as far as it said so on this connection. */
    boolean peerIsGodwit() {
        return returnPath.peer().isGodwit();
    }

    /** Whether the destination has said on this connection that the devices are loaded. */
    boolean hasLoadedDevices() {
        return devicesLoaded;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        channel.abort("the connection is given up");
        returnPath.join();
        push.close();
        requests.close();
        requestChannel.ifPresent(Channel::close);
        epochs.ifPresent(SafetySource.Connection::close);
        channel.close();
    }
}
