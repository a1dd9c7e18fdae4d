// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host.arbiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.LastRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExecTokensTest {
    private static final UUID GUEST = UUID.randomUUID();

    @TempDir
    Path directory = Path.of("");

    /** A program that keeps a token in files, as the contract wants. */
    private String program() throws IOException {
        Path script = Files.writeString(directory.resolve("agent"), """
                set -e
                cd "$(dirname "$0")"
                case $1 in
                claim)
                    [ -e run ] && cat run
                    if [ -e holder ] && [ "$(cat holder)" != "$3" ]; then echo "holder $(cat holder)"; exit 1; fi
                    echo "$3" >holder
                    number=$(( $(cat number 2>/dev/null || echo 0) + 1 ))
                    echo $number >number
                    echo "fencing $number"
                    echo "lease 60000" ;;
                renew) [ "$(cat holder)" = "$3" ] ;;
                record)
                    [ "$(cat holder)" = "$3" ]
                    echo "host $3" >run
                    [ "$5" = - ] || echo "protection $5" >>run ;;
                release) rm -f holder ;;
                esac
                """);
        return "sh " + script;
    }

    @Test
    void aProgramThatKeepsItsContractIsAnArbiter() throws IOException {
        String name = "exec:" + program();
        UUID protection = UUID.randomUUID();
        try (Arbiter one = Arbiters.open(name);
                Arbiter other = Arbiters.open(name)) {
            assertThat(one.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Won(LastRun.NEVER));
            one.recordRun(Optional.of(protection));
            LastRun ran = new LastRun(one.self(), Optional.of(protection));
            assertThat(other.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Lost(one.self(), ran));
            one.release();
            assertThat(other.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Won(ran));
            assertThat(other.fencingNumber()).isGreaterThan(one.fencingNumber());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    exit 3 #                                              | ended with status 3
                    echo out of order >&2; exit 9 #                       | out of order
                    echo fencing 1; exit 0 #                              | did not print a line 'lease NUMBER'
                    echo lease 5000; exit 0 #                             | did not print a line 'fencing NUMBER'
                    echo fencing one; echo lease 5000; exit 0 #           | which is no number
                    echo fencing 1; echo lease 5; exit 0 #                | a lease is 1000 to 3600000 ms long
                    echo fencing 0; echo lease 5000; exit 0 #             | numbers must grow
                    echo fencing 1; echo fencing 2; exit 0 #              | none comes twice
                    echo hello; exit 0 #                                  | printed the line 'hello'
                    echo protection mine; exit 1 #                        | is no UUID
                    head -c 100000 /dev/zero; exit 0 #                    | printed the line
                    exec sleep 60 #                                       | did not end within
                    """)
    void sillyAnswersAreRefusedAndNobodyHasTheToken(String command, String sentence) {
        try (Arbiter arbiter = Arbiters.open("exec:" + command)) {
            assertThatThrownBy(() -> arbiter.claim(GUEST, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining(sentence);
            assertThat(arbiter.held()).isFalse();
        }
    }

    @Test
    void namesOfArbitersThatAreNoneAreRefused() {
        assertThatThrownBy(() -> Arbiters.open("paxos:here"))
                .isInstanceOf(ArbiterException.class)
                .hasMessageContaining("There is no arbiter 'paxos:here'");
        assertThatThrownBy(() -> Arbiters.open("exec:"))
                .isInstanceOf(ArbiterException.class)
                .hasMessageContaining("needs a command");
        try (Arbiter nobody = Arbiters.open("none");
                Arbiter locks = Arbiters.open("lock:" + directory.resolve("locks"))) {
            assertThat(nobody.claim(GUEST, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Won.class);
            assertThat(locks.claim(GUEST, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Won.class);
        }
    }
}
