// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import io.godwit.store.DamageException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * One stored guest on its way into one destination. Lazily the guest runs there at once, and its memory follows: what
 * it asks for first, the rest behind it. A connection that is lost then is made anew. Fully it runs when all of its
 * memory is there. The guest in the store stays as it is. One thread, which waits.
 */
public final class Restore implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Restore.class.getName());

    /** LIMIT: connections in a row over which not one page came. */
    private static final int VAIN_ATTEMPTS = 5;

    private static final long RETRY_MILLIS = 500;

    /** LIMIT: how long somebody may take to say migrate-recover where Godwit cannot. */
    private static final long OPERATOR_NANOS = 600_000_000_000L;

    /**
     * How it is done.
     *
     * @param lazily whether the guest runs before its memory is there
     * @param preempt whether pages that are asked for have a connection of their own, unless the destination can
     *     be asked and cannot do that
     * @param maxBandwidth bytes a second that go unasked, or in all if it is not lazy; 0: as fast as can be
     */
    public record Settings(boolean lazily, boolean preempt, long maxBandwidth) {}

    private final StoredGuest guest;
    private final Optional<Destination> destination;
    private final Settings settings;
    private final Migrator migrator;
    private final BlockingQueue<MigrationStatus> changes = new LinkedBlockingQueue<>();
    private volatile long startNanos;
    private volatile long runningNanos;
    private volatile boolean hasRun;
    private volatile boolean closed;
    private boolean prepared;
    private String uri;

    /** Whether pages that are asked for have a connection of their own. */
    private boolean preempt;

    /** How often in a row the connection was lost without a page having come. */
    private int vain;

    /** As it was when the connection was lost the last time. */
    private long missingBefore = Long.MAX_VALUE;

    /**
     * Prepares.
     *
     * @param destination how the destination is driven; empty: somebody else does that
     * @param uri where it listens, or will
     */
    public Restore(StoredGuest guest, Optional<Destination> destination, String uri, Settings settings) {
        this(guest, destination, uri, settings, new SystemTransports(Descriptors.ANY_NUMBER));
    }

    /** The same over transports of the caller's. */
    public Restore(
            StoredGuest guest,
            Optional<Destination> destination,
            String uri,
            Settings settings,
            Transports transports) {
        this.guest = guest;
        this.destination = destination;
        this.uri = uri;
        this.settings = settings;
        this.preempt = settings.preempt();
        this.migrator = new Migrator(guest, new RunControl(guest, new NoArbiter(), RunState.PAUSED), transports);
        migrator.setParameters(migrator.parameters()
                .with(Map.of(
                        MigrationParameter.MAX_BANDWIDTH, settings.maxBandwidth(),
                        MigrationParameter.MAX_POSTCOPY_BANDWIDTH, settings.maxBandwidth())));
        migrator.addListener(new Changes());
    }

    /** Into a QEMU that was started for it. */
    public static Restore into(LaunchedQemu qemu, StoredGuest guest, Settings settings) {
        Destination destination = qemu.destination();
        return new Restore(guest, Optional.of(destination), destination.nextAddress(""), settings);
    }

    private final class Changes implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            if (status == MigrationStatus.POSTCOPY_ACTIVE && !hasRun) {
                // Where the destination's word never comes, this is the nearest that is known.
                guestGoesOn();
            }
            changes.add(status);
        }

        @Override
        public void passStarted(int pass) {
            // Passes are nothing that anybody waits for here.
        }

        @Override
        public void guestGoesOn() {
            runningNanos = System.nanoTime();
            hasRun = true;
        }
    }

    private Set<Capability> capabilities() {
        if (!settings.lazily()) {
            return Set.of(Capability.RETURN_PATH);
        }
        return preempt ? Set.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT) : Set.of(Capability.POSTCOPY_RAM);
    }

    /**
     * Restores.
     *
     * @return what it took, once all memory is there
     * @throws RestoreException if the guest does not run, or lacks memory
     */
    public RestoreFigures run() throws InterruptedException {
        prepare();
        try {
            startNanos = System.nanoTime();
            migrator.migrate(uri);
        } catch (MigrationException e) {
            throw notBegun(e);
        }
        while (true) {
            switch (changes.take()) {
                case COMPLETED -> {
                    return completed();
                }
                case FAILED, CANCELLED -> throw failed();
                case POSTCOPY_PAUSED -> {
                    if (closed) {
                        throw incomplete("The restore was ended.");
                    }
                    goOn();
                }
                default -> {}
            }
        }
    }

    /**
     * Brings the destination to where it listens, which {@link #run} does otherwise.
     *
     * @throws RestoreException if it does not
     */
    void prepare() {
        if (prepared) {
            return;
        }
        try {
            destination.ifPresent(this::prepare);
            migrator.setCapabilities(capabilities(), Set.of());
            prepared = true;
        } catch (MigrationException | QmpException | QmpConnectionException e) {
            throw notBegun(e);
        }
    }

    private static RestoreException notBegun(RuntimeException e) {
        return new RestoreException("The guest was not restored: "
                + MigrationException.withFullStop(MigrationException.sentence(e)) + unchanged());
    }

    private void prepare(Destination qemu) {
        Map<String, Boolean> switches = new HashMap<>();
        switches.put("events", true);
        if (settings.lazily()) {
            switches.put(Capability.POSTCOPY_RAM.publicName(), true);
            String name = Capability.POSTCOPY_PREEMPT.publicName();
            boolean known = qemu.capabilities().contains(name);
            preempt &= known && qemu.connectsForRequestsLate();
            if (known) {
                // Where it is on, the destination waits for the other connection before it runs the guest.
                switches.put(name, preempt);
            }
        }
        qemu.set(switches);
        qemu.listen(uri);
    }

    private RestoreFigures completed() {
        long now = System.nanoTime();
        if (!settings.lazily() || !hasRun) {
            runningNanos = now;
        }
        if (!settings.lazily()) {
            destination.ifPresent(Destination::runIfPaused);
        }
        return RestoreFigures.of(runningNanos - startNanos, now - startNanos, migrator.statistics());
    }

    private RestoreException failed() {
        String why =
                MigrationException.withFullStop(migrator.statistics().error().orElse("It was ended.")) + preemptHint();
        Optional<GuestOwner> owner = migrator.statistics().owner();
        if (!settings.lazily() && owner.isPresent() && owner.get() != GuestOwner.HERE) {
            return new RestoreException(
                    why + " All of its memory was sent, so the guest may run at the destination: look there before"
                            + " you restore it again. The store has it as it was.",
                    true);
        }
        return new RestoreException(why + unchanged());
    }

    /** Where nobody can look at the destination. */
    private String preemptHint() {
        return destination.isEmpty() && preempt ? " (Is postcopy-preempt on there? Else --no-preempt.)" : "";
    }

    /** What the engine says of a lost connection, without what it advises to somebody who drives it. */
    private String lost() {
        String why = migrator.statistics().error().orElse("the connection was lost");
        int advice = why.indexOf(": 'migrate-recover'");
        return MigrationException.withFullStop(advice < 0 ? why : why.substring(0, advice));
    }

    private static String unchanged() {
        return " The store has the guest as before.";
    }

    /** The connection is lost, and the guest may run at the destination. */
    private void goOn() throws InterruptedException {
        if (guest.trouble().isPresent() && guest.trouble().get() instanceof DamageException damage) {
            throw incomplete(damage.getMessage()
                    + " A page that is not what was stored is given to no guest. 'godwit store check' tells what"
                    + " else is damaged; end the destination and restore another snapshot.");
        }
        String why = lost();
        LOG.log(System.Logger.Level.WARNING, "{0}", why);
        if (destination.isPresent()) {
            recover(destination.get(), why);
        } else {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "Say migrate-recover with the uri {0} to the destination; this goes on then. With --qmp it does"
                            + " that itself.{1}",
                    uri,
                    preemptHint());
            awaitOperator(why);
        }
    }

    private void recover(Destination qemu, String why) throws InterruptedException {
        while (true) {
            countVain();
            String next = qemu.nextAddress(uri);
            try {
                if (!qemu.recover(next)) {
                    throw notRun(qemu, why);
                }
            } catch (QmpConnectionException e) {
                throw incomplete("The destination does not answer any more: " + e.getMessage()
                        + " Nobody can tell whether the guest runs there; end that process, and restore again.");
            } catch (QmpException e) {
                throw incomplete("The destination refused to go on: "
                        + MigrationException.withFullStop(MigrationException.sentence(e))
                        + " End it, and restore again.");
            }
            uri = next;
            migrator.resume(uri);
            if (awaitResumed()) {
                return;
            }
        }
    }

    /** The connection is lost, or could not be made. */
    private void countVain() {
        long missing = missingPages();
        vain = missing < missingBefore ? 0 : vain + 1;
        missingBefore = missing;
        if (vain == VAIN_ATTEMPTS) {
            String store = guest.trouble()
                    .map(e -> " The store said: " + MigrationException.withFullStop(String.valueOf(e.getMessage())))
                    .orElse("");
            throw incomplete("The connection to the destination was lost " + VAIN_ATTEMPTS
                    + " times in a row without a page having come, the last time so: " + lost() + store
                    + " End it, and restore again.");
        }
    }

    private void awaitOperator(String why) throws InterruptedException {
        long until = System.nanoTime() + OPERATOR_NANOS;
        do {
            MigrationStatus _ = changes.poll(RETRY_MILLIS, TimeUnit.MILLISECONDS);
            migrator.resume(uri);
            if (awaitResumed()) {
                return;
            }
        } while (System.nanoTime() - until < 0);
        throw incomplete(MigrationException.withFullStop(why) + preemptHint()
                + " Nobody has said migrate-recover within 10 minutes.");
    }

    /** Whether the connection works again; what comes behind that is for who called. */
    private boolean awaitResumed() throws InterruptedException {
        while (true) {
            switch (changes.take()) {
                case POSTCOPY_ACTIVE -> {
                    return true;
                }
                case POSTCOPY_PAUSED -> {
                    return false;
                }
                case FAILED, CANCELLED -> throw failed();
                default -> {}
            }
        }
    }

    private RestoreException notRun(Destination qemu, String why) {
        String status = qemu.migrationStatus();
        migrator.close();
        return new RestoreException("The guest was not restored: " + MigrationException.withFullStop(why)
                + " The destination says '" + status + "': it has not run the guest." + unchanged());
    }

    private RestoreException incomplete(String sentence) {
        long missing = missingPages();
        migrator.close();
        return new RestoreException(
                sentence + " The guest at the destination lacks " + missing
                        + " pages and stands still where it needs one.",
                true);
    }

    private long missingPages() {
        return migrator.statistics().ram().remainingBytes() / RamBlock.PAGE_BYTES;
    }

    /** How long after that moment of {@link System#nanoTime} the guest ran. */
    long runningSince(long nanos) {
        return runningNanos - nanos;
    }

    /** How it stands. */
    public MigrationStatistics statistics() {
        return migrator.statistics();
    }

    /** Ends it, whatever it does. */
    @Override
    public void close() {
        closed = true;
        migrator.close();
    }
}
