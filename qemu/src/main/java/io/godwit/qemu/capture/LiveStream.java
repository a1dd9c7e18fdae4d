// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Inspector;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.StreamInspection;
import io.godwit.stream.StreamLimits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;

/**
 * The stream of a guest that stays where it runs: its QEMU migrates it to here, and is refused when all has come. So
 * the guest stands still for a moment, as for a capture, and goes on. Nothing is kept but figures.
 *
 * <p>Threads: one, but {@link #cancel}, which is for any. The stream is read on {@code live-inspect}.
 */
public final class LiveStream {
    private static final Duration LOOK = Duration.ofMillis(10);
    private static final long INTERVAL_NANOS = 200_000_000;

    /** What a source that has ended may still have on the wire. */
    private static final Duration CONNECT = Duration.ofSeconds(1);

    private static final int BUFFER_BYTES = 1 << 16;

    private final Pipe pipe;
    private final TappedTransports transports;
    private final CapturedGuest guest = new CapturedGuest(this::place, this::whole);
    private final CompletableFuture<StreamInspection> read = new CompletableFuture<>();
    private volatile Optional<Migrator> arrival = Optional.empty();
    private volatile Optional<SourceGuest> source = Optional.empty();
    private volatile boolean whole;
    private volatile boolean cancelled;

    /** Prepares for one stream. */
    public LiveStream() {
        try {
            pipe = Pipe.open();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        transports = new TappedTransports(pipe.sink());
    }

    /** All has come, and the source is told that its guest is not taken. */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Refused() {
            super("the guest was only looked at, and goes on at its source");
        }
    }

    /** Pages come and are forgotten. */
    private static final class Nowhere implements PrecopyPlace {
        @Override
        public void place(int blockIndex, long offset, NativeMemory content, long position) {
            // The reader of the stream counts it.
        }

        @Override
        public void placeZero(int blockIndex, long offset) {
            // As above.
        }

        @Override
        public void flush() {
            // Nothing is kept.
        }

        @Override
        public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
            // Any list will do.
        }

        @Override
        public long missingPages() {
            return 0;
        }

        @Override
        public Optional<PageDigests> digests() {
            return Optional.empty();
        }

        @Override
        public void close() {
            // It has nothing.
        }
    }

    /**
     * Has a source send its guest, and brings it to rest behind that, with its settings as they were.
     *
     * @throws CaptureException if the stream did not come; says what the guest does now
     * @throws QmpConnectionException if the source cannot be reached
     */
    public StreamInspection of(CapturePlan plan) {
        try (SourceGuest asked = SourceGuest.connect(plan)) {
            boolean ran = asked.requireCapturable();
            source = Optional.of(asked);
            Optional<RuntimeException> failure = Optional.empty();
            try {
                receive(plan.listen(), asked::migrate, incoming -> follow(asked, incoming));
            } catch (RuntimeException e) {
                failure = Optional.of(e);
            }
            String state;
            try {
                state = asked.settle(true, ran);
            } catch (RuntimeException e) {
                throw new CaptureException(
                        failure.map(LiveStream::sentence).orElse("") + "The QEMU at " + plan.source()
                                + " did not do what it was asked then: " + sentence(e)
                                + "Look there with query-status; 'cont' lets the guest run.",
                        e);
            }
            if (failure.isPresent()) {
                throw new CaptureException(
                        "The stream of " + plan.source() + " did not come: " + sentence(failure.get()) + "The guest is "
                                + state + " at its QEMU.",
                        failure.get());
            }
            return inspection();
        }
    }

    /**
     * Waits for a stream that somebody else has sent.
     *
     * @param uri where to listen
     * @param listening told where that is
     * @throws CaptureException if it did not come whole
     */
    public StreamInspection at(String uri, Consumer<String> listening) {
        try {
            receive(uri, listening, LiveStream::awaitEnd);
        } catch (RuntimeException e) {
            throw new CaptureException("The stream did not come: " + sentence(e).strip(), e);
        }
        return inspection();
    }

    /** Gives up. */
    public void cancel() {
        cancelled = true;
        arrival.ifPresent(Migrator::close);
    }

    private static String sentence(RuntimeException e) {
        return MigrationException.withFullStop(MigrationException.sentence(e)) + " ";
    }

    private void receive(String uri, Consumer<String> send, Consumer<Migrator> await) {
        Thread.ofPlatform().name("live-inspect").daemon().start(this::read);
        RunControl run = new RunControl(guest, new NoArbiter(), RunState.INMIGRATE);
        try (Pipe.SinkChannel _ = pipe.sink();
                Migrator incoming = new Migrator(guest, run, transports)) {
            arrival = Optional.of(incoming);
            if (cancelled) {
                throw new CaptureException("the inspection was ended");
            }
            incoming.migrateIncoming(uri);
            send.accept(incoming.statistics().listenAddress().orElseThrow());
            await.accept(incoming);
            if (!whole) {
                throw new CaptureException(incoming.statistics().error().orElse("the source sent no guest"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            run.shutdown();
        }
    }

    /** Reads to the end of the stream, and what is behind that, so that nobody waits for room. */
    private void read() {
        try (Pipe.SourceChannel bytes = pipe.source()) {
            StreamInspection found = Inspector.inspect(bytes, StreamLimits.DEFAULT);
            ByteBuffer rest = ByteBuffer.allocate(BUFFER_BYTES);
            while (bytes.read(rest.clear()) >= 0) {
                // Forgotten.
            }
            read.complete(found);
        } catch (IOException | RuntimeException | Error e) {
            read.completeExceptionally(e);
        }
    }

    private StreamInspection inspection() {
        try {
            return read.get();
        } catch (ExecutionException e) {
            throw new CaptureException("The stream came, but could not be read: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("The inspection was interrupted.", e);
        }
    }

    private PrecopyPlace place(List<RamBlockEntry> blocks) {
        if (!transports.answered()) {
            throw new MigrationException.Refused(
                    "the source has no return path, and would count its guest as gone at the end of the stream, so it"
                            + " was cut at its beginning: switch the capability return-path on there and migrate"
                            + " again, or say --qmp. The guest runs on at the source; if it does not, 'cont' there");
        }
        return new Nowhere();
    }

    /** On {@code mig-incoming}. The source's last byte has been read. */
    private void whole() {
        whole = true;
        source.ifPresent(asked -> {
            try {
                asked.letGo();
            } catch (QmpException | QmpConnectionException _) {
                // What follows on the wire says so too: the guest is refused.
            }
        });
        throw new Refused();
    }

    private static void awaitEnd(Migrator incoming) {
        try {
            while (!incoming.awaitEnd(LOOK)) {
                // It comes when it comes; cancel() ends it.
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("the inspection was interrupted", e);
        }
    }

    private void follow(SourceGuest asked, Migrator incoming) {
        long next = System.nanoTime();
        try {
            while (!incoming.awaitEnd(LOOK)) {
                asked.events();
                // A question in the middle of its switchover would only disturb the source.
                if (!asked.hasStopped() && System.nanoTime() - next >= 0) {
                    look(asked, incoming);
                    next = System.nanoTime() + INTERVAL_NANOS;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("the inspection was interrupted", e);
        }
    }

    private void look(SourceGuest asked, Migrator incoming) throws InterruptedException {
        JsonNode migration = asked.migration();
        String status = migration.path("status").asString("none");
        if ((status.equals("failed") || status.equals("cancelled")) && !incoming.awaitEnd(CONNECT) && !whole) {
            throw new CaptureException("the source's migration is " + status + ": "
                    + migration.path("error-desc").asString("it does not say why"));
        }
        asked.letConverge(migration);
    }
}
