// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Bytes;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Takes an epoch of a guest that runs here at intervals, sends it to the {@link CheckpointKeeper} while the guest runs
 * on, and lets the guest's outputs go when the keeper has it. With {@code postcopy-safe} this is the destination, and
 * the keeper the source.
 *
 * <p>An epoch is what the guest has written since the last one that was acknowledged, and its devices. If the
 * connection breaks the guest runs on with its outputs held; {@link #serve} over a new connection goes on with an epoch
 * that has all that was not acknowledged.
 *
 * <p>Threads: {@link #begin} on the thread that loads the guest, {@link #serve} and {@link #close} on {@code
 * mig-epochs}; the rest from any.
 */
public final class CheckpointTaker implements AutoCloseable {
    /**
     * How epochs are made.
     *
     * @param maxPages the most pages of one epoch; a guest that writes more in one ends its safety
     * @param patience how long the keeper may take for an answer
     */
    public record Settings(long maxPages, Duration patience) {}

    private static final System.Logger LOG = System.getLogger(CheckpointTaker.class.getName());

    /**
     * LIMIT: a vCPU that waits for a page comes out with the page, or with the signal; without either the epoch is
     * taken later.
     */
    private static final Duration PAUSE_DEADLINE = Duration.ofMillis(50);

    /** LIMIT: how late it is noticed that all memory is here. */
    private static final long LOOK_NANOS = 10_000_000;

    private static final long TRY_AGAIN_NANOS = 5_000_000;

    /** LIMIT: between a page's placing and the note that it is there lie some instructions of another thread. */
    private static final long PRESENCE_NANOS = 10_000_000;

    private static final int BATCH_NANOS = 1_000;

    private final Guest guest;
    private final RunControl run;
    private final Settings settings;
    private final Environment environment;
    private final MonotonicClock clock;
    private final Outputs outputs;
    // Of the guest as it starts here: until then its memory may come and go.
    private RamBlocks.Snapshot ram = new RamBlocks.Snapshot(0, List.of());
    private PageSpool spool = new PageSpool(0);
    private final CheckpointSender sender = new CheckpointSender();
    private final NativeMemory words = NativeMemory.allocate(KeeperWord.MAX_BYTES);
    private final LatencyHistogram pause = new LatencyHistogram();
    private final LatencyHistogram outputDelay = new LatencyHistogram();

    private volatile boolean begun;
    private long runSinceNanos;
    private long intervalNanos;
    private long takenNanos;
    private long taken;
    private Bytes devices = Bytes.empty();
    private boolean complete;
    private boolean tooLarge;

    private volatile long acknowledged;
    private volatile long epochs;
    private volatile long pages;
    private volatile long releasedOutputs;
    private volatile boolean ended;
    private volatile String givenUp = "";

    /**
     * Prepares for a guest that does not run yet.
     *
     * @throws MigrationException.Refused if the guest's outputs cannot be held back
     */
    public CheckpointTaker(Guest guest, RunControl run, Settings settings, Environment environment) {
        this.guest = guest;
        this.run = run;
        this.settings = settings;
        this.environment = environment;
        this.clock = environment.clock();
        this.outputs = guest.outputs()
                .orElseThrow(() ->
                        new MigrationException.Refused("'postcopy-safe' needs a guest whose outputs can be held back; "
                                + guest.machineType() + " is none. Switch it off."));
    }

    /**
     * The guest starts soon: holds its outputs and notes what is written from now on. Before the devices are loaded,
     * which write too.
     */
    public void begin() {
        ram = guest.ram().snapshot();
        spool = new PageSpool(Math.min(settings.maxPages(), ram.totalBytes() / RamBlock.PAGE_BYTES));
        for (RamBlock block : ram.blocks()) {
            block.dirtyBitmap().clearAll();
        }
        guest.dirtyTracker().start();
        for (RamBlock block : ram.blocks()) {
            // A log may begin with everything in it.
            long _ = guest.dirtyTracker().harvest(block);
            block.dirtyBitmap().clearAll();
        }
        outputs.hold();
        runSinceNanos = clock.nanoTime();
        takenNanos = runSinceNanos;
        // ORDERING: last, for a connection may be served already, which waits for it.
        begun = true;
    }

    /**
     * Whether these are the first bytes of a connection that is for {@link #serve}, and no other of a migration's.
     *
     * @param received at least four bytes, as they came
     */
    public static boolean isGreeting(ByteBuffer received) {
        return received.remaining() >= Integer.BYTES && received.getInt(received.position()) == CheckpointWire.MAGIC;
    }

    /**
     * Begins with a connection: reads what the keeper says first.
     *
     * @throws MigrationException if it is not this guest's keeper, or fell silent; nothing has changed then
     */
    public void greet(Channel channel) {
        readFully(channel, KeeperWord.Greeting.BYTES);
        KeeperWord.Greeting greeting = KeeperWord.Greeting.decode(words.buffer(0, KeeperWord.Greeting.BYTES));
        if (!greeting.guest().equals(guest.identity())) {
            throw new MigrationException.Protocol(
                    "the source wants epochs of guest " + greeting.guest() + "; this is " + guest.identity());
        }
        welcome(channel, greeting);
    }

    /**
     * Serves a connection after {@link #greet} until safety has ended: everything is here, or the guest has written too
     * much for an epoch.
     *
     * @param whole whether all memory is here
     * @throws MigrationException if the connection broke or the keeper spoke nonsense; the guest runs on with its
     *     outputs held, and may be served again
     */
    public void serve(Channel channel, BooleanSupplier whole) {
        if (ended) {
            return;
        }
        while (!begun) {
            channel.pause(TRY_AGAIN_NANOS);
        }
        sender.blocks(channel, ram);
        while (!whole.getAsBoolean()) {
            long wait = takenNanos + intervalNanos - clock.nanoTime();
            if (wait > 0) {
                channel.pause(Math.min(wait, LOOK_NANOS));
            } else if (!takeEpoch()) {
                if (tooLarge) {
                    givenUp = "the guest has written more than " + settings.maxPages() + " pages in one epoch";
                    LOG.log(System.Logger.Level.WARNING, "guest {0} is no longer safe: {1}", guest.identity(), givenUp);
                    break;
                }
                channel.pause(TRY_AGAIN_NANOS);
            } else {
                sender.epoch(channel, new CheckpointRecord.Begin(taken, takenNanos - runSinceNanos), spool, devices);
                awaitAcknowledgement(channel);
            }
        }
        sender.send(channel, new CheckpointRecord.SafetyEnd(acknowledged));
        KeeperWord answer = awaitAnswer(channel);
        if (!(answer instanceof KeeperWord.SafetyOver)) {
            throw new MigrationException.Protocol("the source answered the end of safety with " + answer);
        }
        end(channel);
    }

    /** Whether safety has ended: the keeper has given the guest up for good, and its outputs flow. */
    public boolean hasEnded() {
        return ended;
    }

    /** A picture of it as it is now. */
    public CheckpointStatistics statistics() {
        return new CheckpointStatistics(
                epochs,
                acknowledged,
                pages,
                sender.sentBytes(),
                outputs.heldCount(),
                releasedOutputs,
                pause.snapshot(),
                outputDelay.snapshot(),
                !ended,
                givenUp);
    }

    private void welcome(Channel channel, KeeperWord.Greeting greeting) {
        intervalNanos = greeting.epochMillis() * 1_000_000L;
        if (greeting.over()) {
            end(channel);
        } else if (greeting.lastEpoch() == taken && taken != acknowledged) {
            // Only its answer was lost.
            release();
        } else if (greeting.lastEpoch() == acknowledged) {
            takeAgain();
        } else {
            throw new MigrationException.Protocol("the source has epoch " + greeting.lastEpoch() + " of guest "
                    + guest.identity() + "; the last that was sent is " + taken + ", the last that it acknowledged "
                    + acknowledged);
        }
    }

    /** What was not acknowledged goes into the next epoch. */
    private void takeAgain() {
        for (int i = 0; i < spool.count(); i++) {
            ram.blocks().get(spool.block(i)).dirtyBitmap().set(spool.page(i));
        }
        spool.clear();
    }

    /** Takes an epoch, the guest standing still; false if that has to wait. */
    private boolean takeEpoch() {
        long before = clock.nanoTime();
        complete = false;
        boolean stood = run.whileStill(PAUSE_DEADLINE, this::copyGuest);
        if (!stood || !complete) {
            return false;
        }
        pause.record(clock.nanoTime() - before);
        return true;
    }

    private void copyGuest() {
        long now = clock.nanoTime();
        for (int i = 0; i < ram.blocks().size(); i++) {
            RamBlock block = ram.blocks().get(i);
            long _ = guest.dirtyTracker().harvest(block);
            if (!copyBlock(i, block)) {
                takeAgain();
                return;
            }
        }
        ByteBuffer tail = DeviceTail.of(guest, run.state() == RunState.RUNNING);
        devices = Bytes.copyOf(tail, tail.position(), tail.remaining());
        taken = outputs.closeEpoch();
        takenNanos = now;
        complete = true;
    }

    private boolean copyBlock(int index, RamBlock block) {
        PageBitmap dirty = block.dirtyBitmap();
        for (int word = 0; word < dirty.wordCount(); word++) {
            long bits = dirty.fetchAndClear(word);
            while (bits != 0) {
                long page = ((long) word << 6) + Long.numberOfTrailingZeros(bits);
                tooLarge |= spool.isFull();
                if (tooLarge || !awaitPresent(block, page)) {
                    dirty.or(word, bits);
                    return false;
                }
                try {
                    copyPage(index, block, page);
                } catch (RuntimeException | Error e) {
                    // No memory for the copy, say: the next epoch must not lack these pages.
                    dirty.or(word, bits);
                    throw e;
                }
                bits &= bits - 1;
            }
        }
        return true;
    }

    private void copyPage(int index, RamBlock block, long page) {
        long offset = page * RamBlock.PAGE_BYTES;
        if (block.memory().isZero(offset, RamBlock.PAGE_BYTES)) {
            spool.addZero(index, page);
        } else {
            spool.add(index, page, block.memory(), offset);
        }
    }

    /** Law: a page that the guest has written is there, but whoever placed it may not have noted that yet. */
    private boolean awaitPresent(RamBlock block, long page) {
        if (block.isPresent(page)) {
            return true;
        }
        long deadline = clock.nanoTime() + PRESENCE_NANOS;
        while (!block.isPresent(page)) {
            if (clock.nanoTime() - deadline > 0) {
                LOG.log(System.Logger.Level.DEBUG, "page {0} of {1} was written but is not there", page, block);
                return false;
            }
            environment.pause(BATCH_NANOS);
        }
        return true;
    }

    private void awaitAcknowledgement(Channel channel) {
        KeeperWord answer = awaitAnswer(channel);
        if (!(answer instanceof KeeperWord.Acknowledged(long epoch)) || epoch != taken) {
            throw new MigrationException.Protocol("the source answered epoch " + taken + " with " + answer);
        }
        release();
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void release() {
        pages += spool.count();
        epochs++;
        spool.clear();
        acknowledged = taken;
        long held = outputs.heldCount();
        outputs.release(taken);
        releasedOutputs += Math.max(0, held - outputs.heldCount());
        outputDelay.record(clock.nanoTime() - takenNanos);
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void end(Channel channel) {
        if (ended) {
            return;
        }
        long held = outputs.heldCount();
        while (!run.whileStill(PAUSE_DEADLINE, outputs::passThrough)) {
            if (run.state() != RunState.RUNNING) {
                // It has crashed or was ended: it will put out nothing any more.
                break;
            }
            channel.pause(TRY_AGAIN_NANOS);
        }
        releasedOutputs += held;
        spool.clear();
        guest.dirtyTracker().stop();
        begun = false;
        // ORDERING: who sees the end may use the tracker.
        ended = true;
    }

    private KeeperWord awaitAnswer(Channel channel) {
        readFully(channel, KeeperWord.ANSWER_BYTES);
        return KeeperWord.decodeAnswer(words.buffer(0, KeeperWord.ANSWER_BYTES)).orElseThrow();
    }

    private void readFully(Channel channel, int length) {
        int filled = 0;
        while (filled < length) {
            int n = channel.read(
                    words, filled, length - filled, settings.patience().toNanos());
            if (n < 0) {
                throw new MigrationException.Transport("the source closed the epochs' connection");
            }
            if (n == 0) {
                throw new MigrationException.Transport("the source did not answer an epoch within "
                        + settings.patience().toMillis() + " ms");
            }
            filled += n;
        }
    }

    @Override
    public void close() {
        if (begun) {
            begun = false;
            guest.dirtyTracker().stop();
        }
        spool.close();
        sender.close();
        words.close();
    }
}
