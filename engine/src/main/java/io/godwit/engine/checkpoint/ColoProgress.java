// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.engine.report.LatencyHistogram;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/** The figures of protection as they grow, on either side. Any thread. */
public final class ColoProgress {
    private final AtomicLong checkpoints = new AtomicLong();
    private final AtomicLong pages = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong compared = new AtomicLong();
    private final AtomicLong divergences = new AtomicLong();
    private final AtomicLong overdue = new AtomicLong();
    private final LatencyHistogram pause = new LatencyHistogram();
    private final LatencyHistogram stop = new LatencyHistogram();
    private final LatencyHistogram send = new LatencyHistogram();
    private final LatencyHistogram answer = new LatencyHistogram();
    private final LatencyHistogram flush = new LatencyHistogram();
    private volatile ColoMode mode = ColoMode.NONE;
    private volatile ColoMode lastMode = ColoMode.NONE;
    private volatile ColoExitReason reason = ColoExitReason.NONE;
    private volatile boolean sharesToken;
    private volatile LongSupplier held = () -> 0;
    private volatile long failoverNanos;

    /** Protection will begin: what that needs is loaded while the guest runs. */
    public void prepare() {
        ColoEvents.prepare();
    }

    /**
     * Protection has begun.
     *
     * @param tokenIsShared whether both sides ask for the same token, and both know
     * @param heldOutputs counts the outputs that wait
     */
    public void began(ColoMode as, boolean tokenIsShared, LongSupplier heldOutputs) {
        sharesToken = tokenIsShared;
        mode = as;
        held = heldOutputs;
    }

    /** The other side is lost, or is given up. */
    public void failingOver() {
        reason = ColoExitReason.PROCESSING;
    }

    /** Protection has ended; {@code nanos} after the loss of the other side this one went on, 0 if it did not. */
    public void ended(ColoExitReason why, long nanos) {
        lastMode = mode;
        mode = ColoMode.NONE;
        reason = why;
        failoverNanos = nanos;
        ColoEvents.Failover event = new ColoEvents.Failover();
        event.mode = lastMode.publicName();
        event.reason = why.publicName();
        event.took = nanos;
        event.commit();
    }

    /** The secondary has got a whole checkpoint. */
    public void checkpoint(long pageCount, long byteCount) {
        long _ = checkpoints.incrementAndGet();
        long _ = pages.addAndGet(pageCount);
        long _ = bytes.addAndGet(byteCount);
    }

    /**
     * The primary's guest stood still so long for a checkpoint: until vCPUs stood, until all was written, in all; so
     * many outputs had waited for it.
     */
    public void paused(long stopNanos, long sendNanos, long wholeNanos, long heldOutputs) {
        stop.record(stopNanos);
        send.record(sendNanos);
        answer.record(wholeNanos - stopNanos - sendNanos);
        pause.record(wholeNanos);
        ColoEvents.Made event = new ColoEvents.Made();
        if (event.isEnabled()) {
            event.pause = wholeNanos;
            event.stop = stopNanos;
            event.send = sendNanos;
            event.answer = wholeNanos - stopNanos - sendNanos;
            event.heldOutputs = heldOutputs;
            event.commit();
        }
    }

    /** The secondary's guest stood still so long, and its memory was made the primary's by this flush. */
    public void loaded(FlushStatistics flushed, long wholeNanos) {
        flush.record(flushed.nanos());
        pause.record(wholeNanos);
        ColoEvents.Loaded event = new ColoEvents.Loaded();
        if (event.isEnabled()) {
            event.pause = wholeNanos;
            event.flush = flushed.nanos();
            event.pages = flushed.pages();
            event.pagesByThread = flushed.threads().stream()
                    .map(part -> Long.toString(part.pages()))
                    .collect(Collectors.joining(" "));
            event.nanosByThread = flushed.threads().stream()
                    .map(part -> Long.toString(part.nanos()))
                    .collect(Collectors.joining(" "));
            event.commit();
        }
    }

    /** Both guests gave the same answer. */
    public void same() {
        long _ = compared.incrementAndGet();
    }

    /** They gave different ones. */
    public void diverged() {
        long _ = divergences.incrementAndGet();
    }

    /** One of them gave none in time. */
    public void overdue() {
        long _ = overdue.incrementAndGet();
    }

    /** A picture of them; empty if there was no protection. */
    public Optional<ColoStatistics> statistics() {
        if (mode == ColoMode.NONE && lastMode == ColoMode.NONE) {
            return Optional.empty();
        }
        return Optional.of(new ColoStatistics(
                mode,
                lastMode,
                reason,
                sharesToken,
                checkpoints.get(),
                pages.get(),
                bytes.get(),
                pause.snapshot(),
                stop.snapshot(),
                send.snapshot(),
                answer.snapshot(),
                flush.snapshot(),
                compared.get(),
                divergences.get(),
                overdue.get(),
                held.getAsLong(),
                failoverNanos));
    }
}
