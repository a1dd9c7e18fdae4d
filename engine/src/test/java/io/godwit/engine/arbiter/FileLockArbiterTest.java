// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileLockArbiterTest {
    private static final UUID GUEST = UUID.fromString("01234567-89ab-cdef-0123-456789abcdef");

    @TempDir
    Path directory;

    @Test
    void onlyOneHolds() {
        try (FileLockArbiter one = new FileLockArbiter(directory);
                FileLockArbiter other = new FileLockArbiter(directory)) {
            assertThat(one.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Won(LastRun.NEVER));
            assertThat(other.claim(GUEST, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Lost.class);
            assertThat(other.held()).isFalse();
            assertThat(other.claim(UUID.randomUUID(), Duration.ZERO)).isEqualTo(new Arbiter.Claim.Won(LastRun.NEVER));
        }
    }

    @Test
    void theWinnerLearnsWhoRanTheGuestLast() {
        try (FileLockArbiter one = new FileLockArbiter(directory);
                FileLockArbiter other = new FileLockArbiter(directory)) {
            Arbiter.Claim _ = one.claim(GUEST, Duration.ZERO);
            one.recordRun(Optional.empty());
            assertThat(other.claim(GUEST, Duration.ZERO))
                    .isEqualTo(new Arbiter.Claim.Lost(one.self(), new LastRun(one.self(), Optional.empty())));
            one.release();
            assertThat(other.claim(GUEST, Duration.ZERO))
                    .isEqualTo(new Arbiter.Claim.Won(new LastRun(one.self(), Optional.empty())));
            assertThat(one.claim(GUEST, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Lost.class);
        }
    }

    @Test
    void theWinnerLearnsUnderWhichProtectionTheGuestRan() {
        UUID protection = UUID.randomUUID();
        try (FileLockArbiter one = new FileLockArbiter(directory);
                FileLockArbiter other = new FileLockArbiter(directory)) {
            Arbiter.Claim _ = one.claim(GUEST, Duration.ZERO);
            one.recordRun(Optional.of(protection));
            LastRun protectedRun = new LastRun(one.self(), Optional.of(protection));
            assertThat(one.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Won(protectedRun));
            one.release();
            assertThat(other.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Won(protectedRun));
            other.recordRun(Optional.empty());
            other.release();
            assertThat(one.claim(GUEST, Duration.ZERO))
                    .isEqualTo(new Arbiter.Claim.Won(new LastRun(other.self(), Optional.empty())));
        }
    }

    @Test
    void eachClaimOfAFreeTokenHasALargerNumber() {
        try (FileLockArbiter one = new FileLockArbiter(directory);
                FileLockArbiter other = new FileLockArbiter(directory)) {
            assertThat(one.fencingNumber()).isZero();
            Arbiter.Claim _ = one.claim(GUEST, Duration.ZERO);
            long first = one.fencingNumber();
            Arbiter.Claim _ = one.claim(GUEST, Duration.ZERO);
            one.recordRun(Optional.of(UUID.randomUUID()));
            Arbiter.Claim _ = other.claim(GUEST, Duration.ZERO);
            assertThat(one.fencingNumber()).isPositive().isEqualTo(first);
            assertThat(other.fencingNumber()).isZero();
            one.release();
            Arbiter.Claim _ = other.claim(GUEST, Duration.ZERO);
            assertThat(other.fencingNumber()).isGreaterThan(one.fencingNumber());
        }
    }

    @Test
    void aFileOfAnOlderVersionIsReadAndItsNumbersBegin() throws Exception {
        Path _ = Files.write(directory.resolve(GUEST + ".lock"), Arrays.copyOf("process 7".getBytes(US_ASCII), 64));
        try (FileLockArbiter one = new FileLockArbiter(directory)) {
            assertThat(one.claim(GUEST, Duration.ZERO))
                    .isEqualTo(new Arbiter.Claim.Won(new LastRun("process 7", Optional.empty())));
            assertThat(one.fencingNumber()).isPositive();
        }
    }

    @Test
    void aFileThatIsNoRecordIsAnErrorAndNoToken() throws Exception {
        for (String content : new String[] {"process 7\nfencing soon\n", "process 7\nprotection yes\n", "a\nb\n"}) {
            Path _ = Files.writeString(directory.resolve(GUEST + ".lock"), content);
            try (FileLockArbiter one = new FileLockArbiter(directory)) {
                assertThatThrownBy(() -> one.claim(GUEST, Duration.ZERO))
                        .isInstanceOf(ArbiterException.class)
                        .hasMessageContaining("no record");
                assertThat(one.held()).isFalse();
            }
        }
    }

    @Test
    void withoutTheTokenNoRunIsRecorded() {
        try (FileLockArbiter one = new FileLockArbiter(directory)) {
            assertThatThrownBy(() -> one.recordRun(Optional.empty())).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aDirectoryThatCannotBeUsedIsAnErrorAndNoToken() throws Exception {
        Path file = Files.createFile(directory.resolve("file"));
        assertThatThrownBy(() -> new FileLockArbiter(file.resolve("sub")))
                .isInstanceOf(ArbiterException.class)
                .hasMessageContaining(file.toString());
    }

    @Test
    void aLockFileThatCannotBeOpenedIsAnErrorAndNoToken() throws Exception {
        try (FileLockArbiter one = new FileLockArbiter(directory)) {
            Path _ = Files.createDirectory(directory.resolve(GUEST + ".lock"));
            assertThatThrownBy(() -> one.claim(GUEST, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining("not started");
            assertThat(one.held()).isFalse();
        }
    }

    @Test
    void aLockFileThatCannotBeReadIsNotLeftLocked() throws Exception {
        try (FileLockArbiter one = new FileLockArbiter(directory)) {
            // It can be opened and locked; reading address 0 of a process is an error.
            Path _ = Files.createSymbolicLink(directory.resolve(GUEST + ".lock"), Path.of("/proc/self/mem"));
            int before = openDescriptors();
            for (int i = 0; i < 40; i++) {
                assertThatThrownBy(() -> one.claim(GUEST, Duration.ZERO)).isInstanceOf(ArbiterException.class);
            }
            assertThat(openDescriptors()).isLessThan(before + 20);
        }
    }

    @Test
    void hostsOfTheSameProcessNumberHaveDifferentNames() {
        try (FileLockArbiter one = new FileLockArbiter(directory);
                FileLockArbiter other = new FileLockArbiter(directory)) {
            assertThat(one.self()).containsPattern("mark [0-9a-f]{8}").isNotEqualTo(other.self());
        }
    }

    @Test
    void nobodyRemovesAnothersLock() throws Exception {
        Path shared = directory.resolve("shared");
        try (FileLockArbiter _ = new FileLockArbiter(shared)) {
            assertThat((Integer) Files.getAttribute(shared, "unix:mode") & 07777)
                    .isEqualTo(01777);
        }
    }

    private static int openDescriptors() {
        return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
    }
}
