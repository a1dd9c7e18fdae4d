// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.ColoMessage;
import io.godwit.testkit.guest.CountingGuest;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a primary sends, and wherever it ends: a secondary has its last whole checkpoint, or gives up clearly. */
final class ColoSecondaryTest {
    private static final long SEED = 12_051;
    private static final int RANDOM_CUTS = 12;

    @TempDir
    Path directory;

    private static SortedMap<Integer, Long> words(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SortedMap<Integer, Long> words = new TreeMap<>();
        while (words.size() < 6) {
            words.put(random.nextInt(CountingGuest.PAGES), random.nextLong() | 1);
        }
        // A page that becomes zero again is sent, too.
        words.put(words.firstKey(), 0L);
        return words;
    }

    /** A secondary that has got one whole checkpoint; its guest runs and touches nothing. */
    private final class Lab implements AutoCloseable {
        final CountingGuest.Census census = new CountingGuest.Census();
        final CountingGuest guest = new CountingGuest(UUID.randomUUID(), census);
        final RunControl run = new RunControl(guest, new FileLockArbiter(directory), RunState.INMIGRATE);
        final Migrator secondary = new Migrator(guest, run);
        final UUID identity = UUID.randomUUID();
        final FileLockArbiter token = new FileLockArbiter(directory);
        final ScriptedPrimary primary;
        final byte[] memory = new byte[CountingGuest.RAM_BYTES];

        Lab() throws IOException {
            this(false);
        }

        Lab(boolean compares) throws IOException {
            guest.idle = true;
            secondary.setParameters(MigrationParameters.DEFAULTS
                    .with(MigrationParameter.HANDOVER_TIMEOUT, 5000)
                    .with(MigrationParameter.CONNECT_TIMEOUT, 5000));
            secondary.setCapability(Capability.X_COLO, true);
            assertThat(token.claim(identity, Duration.ZERO)).isInstanceOf(FileLockArbiter.Claim.Won.class);
            secondary.migrateIncoming("tcp:127.0.0.1:0");
            primary = new ScriptedPrimary(secondary.statistics().listenAddress().orElseThrow(), compares);
            SortedMap<Integer, Long> first = words(1);
            primary.sendStream(identity, first, 1);
            note(first);
            assertThat(primary.hear()).isEqualTo(ColoMessage.CHECKPOINT_READY);
            checkpoint(words(2), 2);
        }

        void checkpoint(SortedMap<Integer, Long> words, long register) throws IOException {
            primary.send(primary.checkpoint(words, register));
            hearWhole();
            note(words);
            assertIs(register);
        }

        void hearWhole() throws IOException {
            assertThat(primary.hear()).isEqualTo(ColoMessage.CHECKPOINT_REPLY);
            assertThat(primary.hear()).isEqualTo(ColoMessage.VMSTATE_RECEIVED);
            assertThat(primary.hear()).isEqualTo(ColoMessage.VMSTATE_LOADED);
        }

        /** The standby's memory is to be this from now on. */
        void note(SortedMap<Integer, Long> words) {
            words.forEach((page, word) -> ByteBuffer.wrap(memory).putLong(page * 4096, word));
        }

        void assertIs(long register) {
            NativeMemory all = guest.memory();
            byte[] now = new byte[memory.length];
            all.copyTo(0, now, 0, now.length);
            assertThat(Arrays.mismatch(now, memory))
                    .as("first byte of memory that is another")
                    .isEqualTo(-1);
            assertThat(guest.counter()).as("the register").isEqualTo(register);
        }

        /** Somebody who knows says that the primary is dead: the guest goes on here. */
        void takeOver() throws InterruptedException {
            token.release();
            secondary.failOver();
            assertThat(secondary.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(secondary.statistics().status())
                    .as(secondary.statistics().toString())
                    .isEqualTo(MigrationStatus.COMPLETED);
            assertThat(secondary.statistics().owner()).contains(GuestOwner.HERE);
            assertThat(run.state()).isEqualTo(RunState.RUNNING);
        }

        /** It has said why it gave up, and never runs. */
        void assertGaveUp(String sentence) throws InterruptedException {
            assertThat(primary.hearsEnd()).as("the secondary hangs up").isTrue();
            assertThat(secondary.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(secondary.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(secondary.statistics().error().orElseThrow()).contains(sentence);
            assertThat(run.state()).isEqualTo(RunState.POSTMIGRATE);
            assertThat(census.running.get()).isZero();
            assertThat(token.held()).isTrue();
        }

        @Override
        public void close() throws IOException {
            primary.close();
            secondary.close();
            token.close();
            run.shutdown();
            guest.close();
        }
    }

    @Test
    void aCheckpointCountsWhenItIsWholeAndNotBefore() throws Exception {
        System.out.println("seed " + SEED);
        SplittableRandom random = new SplittableRandom(SEED);
        SortedMap<Integer, Long> next = words(3);
        SortedSet<Integer> cuts = new TreeSet<>();
        int whole;
        try (Lab lab = new Lab()) {
            int memoryEnds = lab.primary.memory(next).length;
            whole = lab.primary.checkpoint(next, 3).length;
            for (int message : new int[] {4, 8, memoryEnds, memoryEnds + 4, memoryEnds + 12, whole}) {
                cuts.add(message - 1);
                cuts.add(message);
            }
        }
        cuts.add(0);
        while (cuts.size() < 13 + RANDOM_CUTS) {
            cuts.add(random.nextInt(whole));
        }
        for (int cut : cuts) {
            try (Lab lab = new Lab()) {
                lab.primary.send(Arrays.copyOf(lab.primary.checkpoint(next, 3), cut));
                if (cut >= 4) {
                    assertThat(lab.primary.hear()).isEqualTo(ColoMessage.CHECKPOINT_REPLY);
                }
                if (cut == whole) {
                    assertThat(lab.primary.hear()).isEqualTo(ColoMessage.VMSTATE_RECEIVED);
                }
                lab.primary.hangUp();
                lab.takeOver();
                if (cut == whole) {
                    lab.note(next);
                }
                lab.assertIs(cut == whole ? 3 : 2);
            } catch (AssertionError e) {
                throw new AssertionError("cut at " + cut + " of " + whole, e);
            }
        }
    }

    /** The primary lives and is silent inside a checkpoint, until somebody says that it is dead. */
    @Test
    void aFailoverInsideACheckpointGoesBackToTheLastOne() throws Exception {
        try (Lab lab = new Lab()) {
            lab.primary.send(lab.primary.memory(words(3)));
            assertThat(lab.primary.hear()).isEqualTo(ColoMessage.CHECKPOINT_REPLY);
            lab.takeOver();
            lab.assertIs(2);
        }
    }

    static Stream<Arguments> nonsense() {
        return Stream.of(
                Arguments.of("CHECKPOINT_REQUEST (1)", "00000000"),
                Arguments.of("VMSTATE_SEND (3)", "00000003"),
                Arguments.of("VMSTATE_LOADED (6)", "00000006"),
                Arguments.of("the unknown 7", "00000007"),
                Arguments.of("the unknown 4294967295", "ffffffff"),
                Arguments.of("CHECKPOINT_REQUEST (1)", "00000001 00000001"),
                Arguments.of("VMSTATE_SIZE (4)", "00000001 00000004"),
                Arguments.of("0x4", "00000001 00000003 04"),
                Arguments.of("1 (ram)", "00000001 00000003 02 00000009"),
                Arguments.of("outside RAM block 'ram'", "00000001 00000003 02 00000001 0000000000800022 00"),
                Arguments.of("outside RAM block 'ram'", "00000001 00000003 02 00000001 7ffffffffffff022 00"),
                Arguments.of("Unknown RAM block 'nix'", "00000001 00000003 02 00000001 0000000000000002 03 6e6978 00"),
                Arguments.of("Missing footer", "00000001 00000003 03 00000001 0000000000000010 7f 00000001"));
    }

    @ParameterizedTest
    @MethodSource("nonsense")
    void whatIsNoCheckpointEndsTheSecondaryWithASentence(String sentence, String bytes) throws Exception {
        try (Lab lab = new Lab()) {
            lab.primary.send(HexFormat.of().parseHex(bytes.replace(" ", "")));
            lab.assertGaveUp(sentence);
            lab.assertIs(2);
        }
    }

    static Stream<Arguments> frames() {
        return Stream.of(
                Arguments.of("is for guest", false, ""),
                Arguments.of("a frame of unknown type 9", true, "09 0000000000000000 0000000000000001 00000000"),
                Arguments.of("a frame of 65537 bytes", true, "01 0000000000000000 0000000000000001 00010001"),
                Arguments.of("a frame of 4294967295 bytes", true, "00 0000000000000000 0000000000000001 ffffffff"),
                Arguments.of("an answer, which only", true, "02 0000000000000000 0000000000000001 00000000"));
    }

    @ParameterizedTest
    @MethodSource("frames")
    void whatDoesNotBelongOnTheCompareConnectionEndsTheSecondary(String sentence, boolean ours, String bytes)
            throws Exception {
        try (Lab lab = new Lab(true);
                Socket _ = lab.primary.compare(
                        ours ? lab.identity : UUID.randomUUID(), HexFormat.of().parseHex(bytes.replace(" ", "")))) {
            lab.assertGaveUp(sentence);
            lab.assertIs(2);
        }
    }

    static Stream<Arguments> devices() {
        return Stream.of(
                Arguments.of("VMSTATE_SIZE (4)", "00000005 0000000000000001"),
                Arguments.of("1 to 67108864", "00000004 0000000000000000"),
                Arguments.of("1 to 67108864", "00000004 7fffffffffffffff"),
                Arguments.of("1 to 67108864", "00000004 ffffffffffffffff"),
                Arguments.of("1 to 67108864", "00000004 0000000004000001"),
                Arguments.of("Type of the first section", "00000004 0000000000000003 070000"));
    }

    /** All the memory has come: it is thrown away. */
    @ParameterizedTest
    @MethodSource("devices")
    void devicesThatAreNoneEndTheSecondaryBeforeTheyCount(String sentence, String bytes) throws Exception {
        try (Lab lab = new Lab()) {
            lab.primary.send(lab.primary.memory(words(3)));
            lab.primary.send(HexFormat.of().parseHex(bytes.replace(" ", "")));
            lab.assertGaveUp(sentence);
            lab.assertIs(2);
        }
    }

    @Test
    void devicesThatTheGuestRefusesEndTheSecondary() throws Exception {
        try (Lab lab = new Lab()) {
            lab.guest.refusesState = true;
            lab.primary.send(lab.primary.checkpoint(words(3), 3));
            lab.assertGaveUp("this state is not taken");
        }
    }

    /** Nobody but the arbiter decides: a failover by hand beside a primary that holds the token starts nothing. */
    @Test
    void aFailoverByHandDoesNotStartTheGuestWhileThePrimaryHoldsTheToken() throws Exception {
        try (Lab lab = new Lab()) {
            lab.secondary.failOver();
            lab.primary.close();
            assertThat(lab.primary.hearsEnd()).isTrue();
            lab.secondary.close();
            assertThat(lab.secondary.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(lab.run.state()).isNotEqualTo(RunState.RUNNING);
            assertThat(lab.census.running.get()).isZero();
            assertThat(lab.token.held()).isTrue();
        }
    }
}
