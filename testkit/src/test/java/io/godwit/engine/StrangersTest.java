// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.MigrationParameter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who knocks at a migration port and is no source changes nothing, and leaves nothing behind. */
@Timeout(300)
class StrangersTest {
    private static final int TIMES = 1000;

    @TempDir
    private Path locks;

    @TempDir
    private Path sockets;

    private String uri(String scheme) {
        return scheme.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + sockets.resolve("m.sock");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp", "unix"})
    void aSourceIsTakenInAmongThem(String scheme) throws Exception {
        moveAmongStrangers(scheme, 1);
        int descriptors = Strangers.descriptors();
        long threads = Strangers.threads();
        moveAmongStrangers(scheme, TIMES);
        assertThat(Strangers.descriptors()).as("descriptors").isLessThanOrEqualTo(descriptors);
        assertThat(Strangers.threads()).as("threads").isLessThanOrEqualTo(threads);
        try (Stream<Path> files = Files.list(sockets)) {
            assertThat(files).isEmpty();
        }
    }

    private void moveAmongStrangers(String scheme, int times) throws Exception {
        try (Pair pair = new Pair(locks)) {
            // A machine that is busy with strangers may be slow, which is not what this is about.
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.CONNECT_TIMEOUT, 60_000));
            String address = pair.listen(uri(scheme));
            try (Strangers _ = new Strangers(address).knock(times);
                    AutoCloseable _ = Strangers.goOn(address)) {
                pair.migrate(address);
                assertThat(pair.source.statistics().error()).isEmpty();
                pair.assertRunsAtDestinationOnly();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp", "unix"})
    void aSecondSourceIsTurnedAwayAtOnceIsToldWhyAndItsGuestStays(String scheme) throws Exception {
        try (Pair first = new Pair(locks);
                Pair second = new Pair(locks)) {
            first.source.setParameters(first.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            String address = first.listen(uri(scheme));
            first.source.migrate(address);
            while (first.destination.statistics().status() == MigrationStatus.SETUP) {
                Thread.onSpinWait();
            }
            second.source.migrate(address);
            assertThat(second.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(second.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(second.source.statistics().error().orElseThrow())
                    .contains(
                            "takes another guest in", whoIs(scheme), GuestOwner.HERE.sentence(), "another destination");
            second.assertRunsAtSourceOnly();
            first.source.setParameters(first.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0));
            first.awaitEnds();
            first.assertRunsAtDestinationOnly();
        }
    }

    private static String whoIs(String scheme) {
        return scheme.equals("tcp")
                ? "from 127.0.0.1:"
                : "from process " + ProcessHandle.current().pid();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPostcopyGoesOnAmongThemAndComesBackAmongThem(boolean preempt) throws Exception {
        try (PostcopyPair pair = new PostcopyPair(locks)) {
            if (preempt) {
                pair.usePreempt();
            }
            pair.source.setParameters(
                    pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 4 << 20));
            String address = pair.listen();
            try (Strangers _ = new Strangers(address).knock(TIMES / 10);
                    AutoCloseable _ = Strangers.goOn(address)) {
                pair.source.migrate(address);
                pair.source.startPostcopy();
                pair.awaitThat(
                        () -> pair.destination.statistics().status() == MigrationStatus.POSTCOPY_ACTIVE,
                        "the guest is at the destination");
                pair.source.pausePostcopy();
                pair.awaitRest();
            }
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
            pair.destination.recover("tcp:127.0.0.1:0");
            try (Strangers _ = new Strangers(pair.address()).knock(TIMES / 10);
                    AutoCloseable _ = Strangers.goOn(pair.address())) {
                pair.source.resume(pair.address());
                pair.assertArrived();
            }
        }
    }
}
