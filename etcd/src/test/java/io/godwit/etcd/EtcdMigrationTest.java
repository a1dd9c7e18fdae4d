// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.Migrator;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two hosts whose token is in etcd. */
@Tag("peer")
class EtcdMigrationTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int TTL = 2;

    @TempDir
    private Path directory = Path.of("");

    @SuppressWarnings("NullAway.Init")
    private EtcdCluster cluster;

    @SuppressWarnings("NullAway.Init")
    private RunControl sourceRun;

    @SuppressWarnings("NullAway.Init")
    private RunControl destinationRun;

    @SuppressWarnings("NullAway.Init")
    private Migrator source;

    @SuppressWarnings("NullAway.Init")
    private Migrator destination;

    private final CountingGuest.Census census = new CountingGuest.Census();
    private final CountingGuest sourceGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
    private final CountingGuest destinationGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census);

    @BeforeEach
    void start() {
        cluster = EtcdCluster.start(directory, 1);
        sourceRun = new RunControl(sourceGuest, new EtcdArbiters().open(cluster.place(TTL)), RunState.PRELAUNCH);
        destinationRun =
                new RunControl(destinationGuest, new EtcdArbiters().open(cluster.place(TTL)), RunState.INMIGRATE);
        source = new Migrator(sourceGuest, sourceRun);
        destination = new Migrator(destinationGuest, destinationRun);
        source.setParameters(MigrationParameters.DEFAULTS.with(MigrationParameter.MAX_BANDWIDTH, 0));
        sourceGuest.fill(7);
        sourceRun.cont();
    }

    @AfterEach
    void end() {
        if (source != null) {
            source.close();
            destination.close();
            sourceRun.shutdown();
            destinationRun.shutdown();
        }
        sourceGuest.close();
        destinationGuest.close();
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void aGuestMovesAndItsNumberGrows() throws Exception {
        moves(() -> {});
        assertThat(destinationRun.fencingNumber()).isGreaterThan(sourceRun.fencingNumber());
    }

    @Test
    void aGuestMovesByPostcopy() throws Exception {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        source.setCapability(Capability.POSTCOPY_RAM, true);
        destination.setCapability(Capability.POSTCOPY_RAM, true);
        moves(source::startPostcopy);
    }

    private void moves(Runnable whenBegun) throws InterruptedException {
        destination.migrateIncoming("tcp:127.0.0.1:0");
        source.migrate(destination.statistics().listenAddress().orElseThrow());
        whenBegun.run();
        assertThat(source.awaitEnd(PATIENCE)).isTrue();
        assertThat(destination.awaitEnd(PATIENCE)).isTrue();
        assertThat(source.statistics().error()).isEmpty();
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destinationRun.state()).isEqualTo(RunState.RUNNING);
        assertThat(destinationGuest.mismatches).hasValue(0);
        assertThat(census.most).as("copies that ran at one instant").hasValue(1);
    }

    @Test
    void aGuestWhoseClusterIsGoneStandsStillAndGoesOnWhenItIsBack() throws Exception {
        Semaphore stops = new Semaphore(0);
        Semaphore resumes = new Semaphore(0);
        sourceRun.addListener(new RunControl.Listener() {
            @Override
            public void stopped() {
                stops.release();
            }

            @Override
            public void resumed() {
                resumes.release();
            }
        });
        long number = sourceRun.fencingNumber();
        IntStream.range(0, cluster.size()).forEach(member -> cluster.signal("STOP", member));
        try {
            assertThat(stops.tryAcquire(60, TimeUnit.SECONDS)).as("it stops").isTrue();
            assertThat(census.running).hasValue(0);
            assertThat(sourceRun.whyStill().orElseThrow()).contains("is lost");
        } finally {
            IntStream.range(0, cluster.size()).forEach(member -> cluster.signal("CONT", member));
        }
        assertThat(resumes.tryAcquire(60, TimeUnit.SECONDS)).as("it goes on").isTrue();
        assertThat(sourceRun.fencingNumber()).isGreaterThan(number);
    }
}
