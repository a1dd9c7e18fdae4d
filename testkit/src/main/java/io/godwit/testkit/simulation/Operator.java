// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.Migrator;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.time.Duration;
import java.util.Set;

/**
 * Who moves the guest of a simulated world to another host, and tries again when that fails: with a new host after a
 * failure, with a new connection when postcopy is paused. The wire is kind after some misfortunes, so every story ends.
 */
final class Operator {
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int MOST_ATTEMPTS = 10;
    private static final int UNLUCKY_CONNECTIONS = 3;
    private static final long TIMEOUT_MILLIS = 500;
    /** On the slowest wire the whole guest may travel in the pause, so that precopy ends whatever the guest writes. */
    private static final long DOWNTIME_MILLIS = 2_000;

    private static final long LOOK_NANOS = 2_000_000;
    private static final int LOOKS_BEFORE_CUT = 200;

    private final SimulatedWorld world;
    /** Whether pages that are asked for have a connection of their own. */
    private final boolean preempt;

    private int attempts;
    private int recoveries;
    private int unlucky;

    Operator(SimulatedWorld world) {
        this.world = world;
        this.preempt = world.random().nextBoolean();
    }

    /** How often a migration was begun. */
    int attempts() {
        return attempts;
    }

    /** How often postcopy went on over a new connection, or tried to. */
    int recoveries() {
        return recoveries;
    }

    /** Moves the guest; it must be at the other host in the end, and only there. */
    void move(boolean postcopy) {
        SimulatedHost source = world.firstHost();
        setUp(source.migrator(), postcopy);
        while (attempts < MOST_ATTEMPTS) {
            attempts++;
            SimulatedHost destination = world.nextHost();
            setUp(destination.migrator(), postcopy);
            if (isMoved(source, destination, postcopy)) {
                world.expectGuestAt(destination);
                source.close();
                destination.close();
                return;
            }
            destination.close();
        }
        world.expectGuestAt(source);
        source.close();
    }

    private void setUp(Migrator migrator, boolean postcopy) {
        migrator.setParameters(MigrationParameters.DEFAULTS
                .with(MigrationParameter.MAX_BANDWIDTH, world.random().nextInt(3) == 0 ? 4 << 20 : 0)
                .with(MigrationParameter.DOWNTIME_LIMIT, DOWNTIME_MILLIS)
                .with(MigrationParameter.HANDOVER_TIMEOUT, TIMEOUT_MILLIS)
                .with(MigrationParameter.CONNECT_TIMEOUT, TIMEOUT_MILLIS));
        if (postcopy) {
            migrator.setCapabilities(
                    preempt
                            ? Set.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT)
                            : Set.of(Capability.POSTCOPY_RAM),
                    Set.of());
        }
    }

    private boolean isMoved(SimulatedHost source, SimulatedHost destination, boolean postcopy) {
        String address = world.newAddress();
        destination.migrator().migrateIncoming(address);
        meetMisfortune();
        source.migrator().migrate(address);
        if (postcopy) {
            conductPostcopy(source.migrator(), destination.migrator());
        }
        awaitEnd(source.migrator());
        GuestOwner owner = source.migrator()
                .statistics()
                .owner()
                .orElseThrow(() -> world.baton().end("nobody says who has the guest"));
        return switch (owner) {
            case HERE -> false;
            case PEER -> {
                awaitEnd(destination.migrator());
                yield true;
            }
            case UNDECIDED ->
                throw world.baton()
                        .end("the guest is lost: nobody knows who has it; "
                                + source.migrator().statistics().error().orElse(""));
        };
    }

    private void meetMisfortune() {
        if (unlucky < UNLUCKY_CONNECTIONS) {
            unlucky++;
            long bytes = 2L * world.program().pages() * 4096;
            world.network().meetNext(Misfortune.choose(world.random(), bytes));
        }
    }

    private void awaitEnd(Migrator migrator) {
        try {
            if (!migrator.awaitEnd(PATIENCE)) {
                throw world.baton()
                        .end("a migration does not end: "
                                + migrator.statistics().status().publicName());
            }
        } catch (InterruptedException e) {
            throw new AssertionError("nobody interrupts in this world", e);
        }
    }

    private void conductPostcopy(Migrator source, Migrator destination) {
        world.pause(world.random().nextLong(1, 20) * LOOK_NANOS);
        try {
            source.startPostcopy();
        } catch (MigrationException.Refused e) {
            world.baton().note("postcopy refused", 0);
        }
        int looks = 0;
        while (!source.statistics().status().isEnded()) {
            world.pause(LOOK_NANOS);
            if (source.statistics().status() == MigrationStatus.POSTCOPY_PAUSED) {
                looks++;
                recover(source, destination, looks > LOOKS_BEFORE_CUT);
            }
        }
    }

    private void recover(Migrator source, Migrator destination, boolean patienceIsOver) {
        try {
            switch (destination.statistics().status()) {
                case POSTCOPY_PAUSED, COMPLETED -> {
                    String address = world.newAddress();
                    destination.recover(address);
                    meetMisfortune();
                    recoveries++;
                    source.resume(address);
                }
                case POSTCOPY_ACTIVE, POSTCOPY_RECOVER -> {
                    if (patienceIsOver) {
                        destination.pausePostcopy();
                    }
                }
                default -> {}
            }
        } catch (MigrationException.Refused e) {
            world.baton().note("refused", 0);
        }
    }
}
