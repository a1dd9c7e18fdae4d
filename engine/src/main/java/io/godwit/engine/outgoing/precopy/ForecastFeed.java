// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.forecast.Autopilot.Choice;
import io.godwit.engine.forecast.Estimate;
import io.godwit.engine.forecast.Outlook;
import io.godwit.engine.forecast.RunningForecast;
import io.godwit.engine.forecast.RunningForecast.Steering;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.memory.ZeroSample;
import io.godwit.engine.outgoing.plan.Foretold;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import jdk.jfr.FlightRecorder;

/**
 * Tells the {@link RunningForecast} what the syncs find, and the statistics, the log and JFR what comes of it. Between
 * syncs it costs nothing. Used with {@link DirtySync}'s lock held.
 */
final class ForecastFeed {
    private static final System.Logger LOG = System.getLogger(ForecastFeed.class.getName());

    /** Passes that follow so soon on each other change nothing that is worth the arithmetic. */
    private static final long SHORTEST_NANOS = 50_000_000;

    /** With fewer pages a sample says nothing. */
    private static final int FEW_SAMPLES = 16;

    private static final Estimate NO_ZEROS = Estimate.exactly(0);
    private static final Estimate ANY_ZEROS = new Estimate(0, 0, 1);

    private final OutgoingPlan plan;
    private RamBlocks.Snapshot ram;
    private final OutgoingProgress progress;
    private final WireMeter meter;
    private final PostcopyTrigger trigger;
    private final RunningForecast forecast;
    private long sentAtNanos;
    private long sentNormalPages;
    private long sentZeroPages;
    private long sentPausedNanos;
    private long judgedAtNanos;
    private String lastWord = "";

    ForecastFeed(
            OutgoingPlan plan,
            RamBlocks.Snapshot ram,
            OutgoingProgress progress,
            WireMeter meter,
            PostcopyTrigger trigger) {
        this.plan = plan;
        this.ram = ram;
        this.progress = progress;
        this.meter = meter;
        this.trigger = trigger;
        this.forecast = new RunningForecast(
                ram.totalBytes(), Math.max(1, plan.guest().vcpus().count()), steering(plan.capabilities()));
        if (FlightRecorder.isInitialized()) {
            // Loaded now, so that no pass has to wait for that.
            boolean _ = new ForecastEvent().isEnabled();
        }
    }

    private static Steering steering(Set<Capability> on) {
        if (on.contains(Capability.AUTOPILOT)) {
            return Steering.AUTOPILOT;
        }
        if (on.contains(Capability.DIRTY_LIMIT)) {
            return Steering.DIRTY_LIMIT;
        }
        return on.contains(Capability.AUTO_CONVERGE) ? Steering.AUTO_CONVERGE : Steering.NONE;
    }

    /** Tracking has begun. */
    void begin(long nowNanos) {
        sentAtNanos = nowNanos;
        judgedAtNanos = nowNanos - SHORTEST_NANOS;
    }

    /** Blocks have come and gone. */
    void changeTo(RamBlocks.Snapshot next) {
        ram = next;
        forecast.resize(next.totalBytes());
    }

    /** {@link RunningForecast#harvested}. */
    void harvested(long nowNanos, long nanos, double taken, long pages) {
        forecast.harvested(nowNanos, nanos, taken, pages);
    }

    /**
     * Takes note of what was sent since the last time.
     *
     * @param fillsBuffers if that says more of buffers than of the wire
     * @param endsPass if not, what is too little to say anything counts together with what is sent next
     */
    void noteSent(long nowNanos, boolean fillsBuffers, boolean endsPass) {
        long normal = meter.normalPages();
        long zero = meter.zeroPages();
        long paused = meter.pausedNanos();
        boolean taken = fillsBuffers
                || forecast.sent(
                        nowNanos - sentAtNanos,
                        paused - sentPausedNanos,
                        normal - sentNormalPages,
                        zero - sentZeroPages,
                        plan.parameters().get().maxBandwidthBytesPerSecond());
        if (!taken && !endsPass) {
            return;
        }
        sentAtNanos = nowNanos;
        sentNormalPages = normal;
        sentZeroPages = zero;
        sentPausedNanos = paused;
    }

    /**
     * Judges at the end of the first pass or after it, unless that was done just now.
     *
     * @param percent that is taken from the guest
     * @return what {@code autopilot} chooses, if it is on
     */
    Optional<Choice> judge(long nowNanos, int percent) {
        if (nowNanos - judgedAtNanos < SHORTEST_NANOS) {
            return Optional.empty();
        }
        judgedAtNanos = nowNanos;
        return judge(now(nowNanos, NO_ZEROS, 0, percent));
    }

    /**
     * Judges within the first pass, where pages are left that nobody has looked at. What {@code autopilot} would choose
     * is not done before its end.
     *
     * @param hotPages that this pass leaves for the next
     */
    void lookedIntoFirstPass(long nowNanos, long hotPages, int percent) {
        forecast.foundInFirstPass(nowNanos, hotPages);
        Optional<Choice> _ = judge(now(nowNanos, zeroShare(nowNanos), hotPages, percent));
    }

    /** Another {@code max-bandwidth} holds, and no sync may come for long. */
    void limitChanged(long nowNanos, int percent) {
        noteSent(nowNanos, false, false);
        Optional<Choice> _ = judge(now(nowNanos, NO_ZEROS, 0, percent));
    }

    private Optional<Choice> judge(RunningForecast.Now now) {
        RunningForecast.Judgement judgement = forecast.judge(now);
        tell(new Foretold(judgement.outlook(), now.nowNanos()));
        return judgement.choice();
    }

    /** How many pages the next pass is likely to leave; empty if nobody knows, or {@code autopilot} is off. */
    OptionalLong pagesAfterPass(long nowNanos, int percent) {
        if (!plan.capabilities().contains(Capability.AUTOPILOT)) {
            return OptionalLong.empty();
        }
        OptionalDouble pages = forecast.pagesAfterPass(now(nowNanos, NO_ZEROS, 0, percent));
        return pages.isPresent() ? OptionalLong.of((long) Math.ceil(pages.getAsDouble())) : OptionalLong.empty();
    }

    private RunningForecast.Now now(long nowNanos, Estimate zeroShare, long hotPages, int percent) {
        MigrationParameters parameters = plan.parameters().get();
        return new RunningForecast.Now(
                nowNanos,
                parameters,
                ram.dirtyPageCount(),
                hotPages,
                zeroShare,
                percent,
                plan.capabilities().contains(Capability.POSTCOPY_RAM),
                trigger.isSettled());
    }

    private Estimate zeroShare(long seed) {
        ZeroSample sample = ZeroSample.ofDirtyPages(ram, seed);
        if (sample.pages() < FEW_SAMPLES) {
            return ANY_ZEROS;
        }
        double share = sample.share().orElse(0);
        double error = 1.0 / Math.sqrt(sample.pages());
        return new Estimate(Math.max(0, share - error), share, Math.min(1, share + error));
    }

    private void tell(Foretold told) {
        progress.foretold = Optional.of(told);
        Outlook outlook = told.outlook();
        String word = outlook.verdict().word() + outlook.choice().orElse("");
        if (!word.equals(lastWord)) {
            lastWord = word;
            LOG.log(
                    System.Logger.Level.DEBUG,
                    "forecast of the migration to {0}: {1}. {2}{3}",
                    plan.uri(),
                    outlook.verdict().word(),
                    outlook.why(),
                    outlook.choice().map(choice -> " " + choice).orElse(""));
            if (FlightRecorder.isInitialized()) {
                ForecastEvent event = new ForecastEvent();
                event.verdict = outlook.verdict().word();
                event.why = outlook.why();
                event.choice = outlook.choice().orElse("");
                event.commit();
            }
        }
    }
}
