// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.store.SnapshotName;
import io.godwit.store.StoreException;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.RamBlockEntry;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;

/**
 * Writes a running guest into a store: its QEMU migrates it to here, and keeps it. The source waits, its guest standing
 * still, for a word that this side has the guest. While that word has not come, whatever happens to this process makes
 * QEMU go on with the guest by itself. A guest that is to go on never gets the word: its migration is cancelled when
 * all of it is here.
 *
 * <p>Threads: {@link #run} by one; {@link #cancel} any. The steps of the guest's arrival are on {@code mig-incoming}.
 */
public final class Capture {
    private static final Duration LOOK = Duration.ofMillis(10);

    /** A source that has failed is not waited for longer, if nothing of it has come. */
    private static final Duration CONNECT = Duration.ofSeconds(1);

    private static final long INTERVAL_NANOS = 200_000_000;
    private static final long SWITCHOVER_NANOS = 2_000_000_000;

    private final CapturePlan plan;
    private final SnapshotName name;
    private final Supplier<SnapshotWriter> begin;
    private final CaptureListener listener;
    private final CapturedGuest guest = new CapturedGuest(this::place, this::whole);
    private final Map<String, String> facts = new LinkedHashMap<>();
    private List<Disk> disks = List.of();
    private volatile boolean cancelled;
    private volatile Optional<SnapshotWriter> writer = Optional.empty();
    private volatile Optional<SnapshotPlace> place = Optional.empty();
    private volatile Optional<SourceGuest> source = Optional.empty();
    private volatile Optional<Migrator> arrival = Optional.empty();
    private volatile Optional<Manifest> stored = Optional.empty();
    private volatile Optional<RuntimeException> failure = Optional.empty();
    private volatile long wholeNanos;
    private volatile boolean hookRuns;
    private Thread rehearsal = Thread.currentThread();

    /** All has come and the guest stays where it was: the end of its migration, and no error. */
    private static final class Kept extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Kept() {
            super("the guest has been captured, and goes on at its source");
        }
    }

    /**
     * Prepares.
     *
     * @param name the snapshot's
     * @param begin begins it; called when the source has said that its guest can be captured
     */
    public Capture(CapturePlan plan, SnapshotName name, Supplier<SnapshotWriter> begin, CaptureListener listener) {
        this.plan = plan;
        this.name = name;
        this.begin = begin;
        this.listener = listener;
    }

    /** Gives up; {@link #run} ends soon, with an error unless all has been done. */
    public void cancel() {
        cancelled = true;
        arrival.ifPresent(Migrator::close);
    }

    /**
     * Captures.
     *
     * @throws CaptureException if that cannot be done; the message says what the guest does now
     * @throws QmpConnectionException if the source cannot be reached
     * @throws StoreException if the snapshot cannot be begun
     */
    public CaptureReport run() {
        long began = System.nanoTime();
        // While the source is asked; nothing is measured or waited for then.
        rehearsal = Thread.ofPlatform().daemon().name("capture-rehearsal").start(CaptureRehearsal::run);
        try (SourceGuest asked = SourceGuest.connect(plan)) {
            source = Optional.of(asked);
            boolean ran = asked.requireCapturable();
            asked.putBackLeft().ifPresent(listener::putBack);
            disks = Disk.of(asked.client(), SourceGuest.PATIENCE);
            facts.putAll(SourceFacts.of(
                    plan.source(), asked.client(), ran ? "running" : "paused", disks, SourceGuest.PATIENCE));
            try (SnapshotWriter begun = begin.get()) {
                writer = Optional.of(begun);
                return captureInto(asked, ran, began);
            }
        }
    }

    /** The belt ends before its writer does. */
    private CaptureReport captureInto(SourceGuest asked, boolean ran, long began) {
        try {
            return capture(asked, ran, began);
        } finally {
            place.ifPresent(SnapshotPlace::giveUp);
        }
    }

    private CaptureReport capture(SourceGuest asked, boolean ran, long began) {
        boolean goesOn = plan.afterwards() == Afterwards.KEEP_RUNNING;
        MigrationStatistics figures = MigrationStatistics.NONE;
        try {
            figures = receive(asked);
        } catch (RuntimeException e) {
            fail(e);
            place.ifPresent(SnapshotPlace::giveUp);
        }
        String state = settle(asked, ran, failure.isPresent(), goesOn);
        if (!goesOn) {
            requireGivenAway(asked, state);
        }
        if (plan.afterwards() == Afterwards.QUIT) {
            asked.quit();
            state = "ended";
        }
        return new CaptureReport(
                stored.orElseThrow(),
                Duration.ofNanos(System.nanoTime() - began),
                Duration.ofMillis(figures.time().totalMillis()),
                asked.pause(),
                figures.ram().transferredBytes(),
                figures.ram().normalPages() + figures.ram().zeroPages(),
                disks,
                state);
    }

    /** Lets the guest come, to the end of that. */
    private MigrationStatistics receive(SourceGuest asked) {
        RunControl run = new RunControl(guest, new NoArbiter(), RunState.INMIGRATE);
        Migrator incoming = new Migrator(guest, run);
        arrival = Optional.of(incoming);
        try (incoming) {
            if (!cancelled) {
                incoming.migrateIncoming(plan.listen());
                awaitRehearsal();
                asked.migrate(incoming.statistics().listenAddress().orElseThrow());
                follow(asked, incoming);
            }
        } catch (RuntimeException e) {
            fail(e);
            throw e;
        } finally {
            run.shutdown();
        }
        requireWhole(incoming);
        return incoming.statistics();
    }

    private void awaitRehearsal() {
        try {
            rehearsal.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("the capture was interrupted", e);
        }
    }

    /** The first failure counts. */
    private synchronized void fail(RuntimeException e) {
        failure = failure.or(() -> Optional.of(e));
    }

    /** While the snapshot was made to last, the source may have lost the connection, and gone on with its guest. */
    private void requireGivenAway(SourceGuest asked, String state) {
        boolean given;
        try {
            given = asked.hasGivenAway();
        } catch (QmpException | QmpConnectionException e) {
            throw end().unsettled(e, stateOf(asked), asked.changedSettings());
        }
        if (!given) {
            throw end().notGivenAway(state);
        }
    }

    private PrecopyPlace place(List<RamBlockEntry> blocks) {
        SnapshotPlace begun = new SnapshotPlace(writer.orElseThrow(), blocks);
        place = Optional.of(begun);
        return begun;
    }

    private void follow(SourceGuest asked, Migrator incoming) {
        long next = System.nanoTime();
        boolean stopped = false;
        try {
            while (!incoming.awaitEnd(LOOK)) {
                asked.events();
                if (asked.hasStopped() && !stopped) {
                    stopped = true;
                    place.ifPresent(SnapshotPlace::hurry);
                    // A question in the middle of its switchover would only disturb the source.
                    next = System.nanoTime() + SWITCHOVER_NANOS;
                } else if (System.nanoTime() - next >= 0) {
                    look(asked, incoming);
                    next = System.nanoTime() + INTERVAL_NANOS;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("the capture was interrupted", e);
        }
    }

    private void look(SourceGuest asked, Migrator incoming) throws InterruptedException {
        JsonNode migration = asked.migration();
        String status = migration.path("status").asString("none");
        if (status.equals("failed") || status.equals("cancelled")) {
            // If it had begun, the end of its stream is here or on its way.
            String reason = migration.path("error-desc").asString("");
            boolean never = incoming.statistics().ram().transferredBytes() == 0 && place.isEmpty();
            CaptureException told = new CaptureException("the source's migration has "
                    + (status.equals("failed") ? "failed" : "been cancelled") + (reason.isEmpty() ? "" : ": " + reason)
                    + (never ? "; nothing of it has come to " + plan.listen() : ""));
            if (hookRuns) {
                throw told;
            }
            if (!incoming.awaitEnd(never ? CONNECT : SourceGuest.PATIENCE) && wholeNanos == 0) {
                throw told;
            }
        }
        asked.letConverge(migration);
        JsonNode ram = migration.path("ram");
        listener.received(
                ram.path("total").asLong(0),
                ram.path("remaining").asLong(0),
                incoming.statistics().ram().transferredBytes());
    }

    private void requireWhole(Migrator incoming) {
        if (cancelled && wholeNanos == 0) {
            throw new CaptureException("the capture was given up");
        }
        if (failure.isPresent()) {
            throw failure.get();
        }
        boolean ended = plan.afterwards() == Afterwards.KEEP_RUNNING ? wholeNanos != 0 : stored.isPresent();
        if (!ended) {
            throw new CaptureException(incoming.statistics().error().orElse("the source sent no guest"));
        }
    }

    /**
     * All of the guest has come, and its source waits. On {@code mig-incoming}; what this throws is told to the source,
     * which then goes on with its guest.
     */
    private void whole() {
        try {
            SnapshotPlace pages = place.orElseThrow();
            if (pages.missingPages() > 0) {
                throw new MigrationException.Protocol(
                        "the source has ended, but of its guest's memory never came: " + pages.holes());
            }
            plan.diskHook().ifPresent(this::keepDisks);
            if (plan.afterwards() != Afterwards.KEEP_RUNNING) {
                stored = Optional.of(finish());
            }
            wholeNanos = System.nanoTime();
        } catch (RuntimeException e) {
            fail(e);
            throw e;
        }
        if (plan.afterwards() == Afterwards.KEEP_RUNNING) {
            letGo();
            throw new Kept();
        }
    }

    private void keepDisks(String command) {
        hookRuns = true;
        try {
            new DiskHook(command, plan.hookTimeout())
                    .call(name.text(), plan.source(), disks, () -> cancelled || failure.isPresent());
        } finally {
            hookRuns = false;
        }
        if (failure.isPresent()) {
            throw failure.get();
        }
    }

    private void letGo() {
        try {
            source.orElseThrow().letGo();
        } catch (QmpException | QmpConnectionException _) {
            // What follows on the wire says so too: the guest is refused.
        }
    }

    private Manifest finish() {
        place.orElseThrow().drain();
        return writer.orElseThrow().finish(facts, guest.configuration(), guest.devices(), guest.vmDescription());
    }

    /** The guest need not wait for this: what has come of it is made to last. */
    private void publish(SourceGuest asked) {
        asked.pause().ifPresent(pause -> facts.put("pause-micros", Long.toString(pause.toNanos() / 1000)));
        stored = Optional.of(finish());
    }

    /**
     * Brings the source to rest, publishes the guest that goes on, and throws what has failed with what the guest does
     * now.
     *
     * @return the guest's run state
     */
    private String settle(SourceGuest asked, boolean ran, boolean failed, boolean goesOn) {
        String state = "";
        Optional<RuntimeException> unsettled = Optional.empty();
        try {
            state = asked.settle(failed || goesOn, ran && (failed || goesOn));
        } catch (RuntimeException e) {
            unsettled = Optional.of(e);
        }
        if (goesOn && !failed) {
            try {
                publish(asked);
            } catch (RuntimeException e) {
                fail(new CaptureException(
                        "the guest was received, but could not be stored: " + MigrationException.sentence(e), e));
            }
        }
        if (unsettled.isPresent()) {
            throw end().unsettled(unsettled.get(), stateOf(asked), asked.changedSettings());
        }
        if (failure.isPresent()) {
            throw end().failed(failure.get(), state);
        }
        return state;
    }

    private CaptureEnd end() {
        return new CaptureEnd(plan, name, failure, stored.isPresent());
    }

    private static Optional<String> stateOf(SourceGuest asked) {
        try {
            return Optional.of(asked.runState());
        } catch (QmpException | QmpConnectionException _) {
            return Optional.empty();
        }
    }
}
