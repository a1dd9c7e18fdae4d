// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.QmpClient;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;

/** {@code godwit protect} with two hosts, from nothing to the end of protection. */
@Tag("kernel")
@Timeout(120)
class ProtectTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int godwit(String... words) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(words);
    }

    private static String mode(QmpClient host) {
        return host.execute("query-colo-status", PATIENCE).path("mode").asString("");
    }

    @Test
    void oneCommandSetsBothEndsUpAndTellsOfThemUntilTheEnd() throws Exception {
        List<String> guest = List.of("--guest", "memory", "--memory", "32M", "--working-set", "4M");
        try (DemoHosts hosts = DemoHosts.start(guest);
                QmpClient primary = hosts.source().connect();
                QmpClient secondary = hosts.destination().connect()) {
            CompletableFuture<Integer> watching = CompletableFuture.supplyAsync(() -> godwit(
                    "protect",
                    "--qmp",
                    primary.address().toString(),
                    "--secondary",
                    secondary.address().toString(),
                    "--delay",
                    "50ms",
                    "--heartbeat-timeout",
                    "20s",
                    "--watch"));
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!out.toString().contains("colo: ")) {
                assertThat(System.nanoTime() - deadline)
                        .as(() -> "protection, " + out + err)
                        .isNegative();
                assertThat(watching.isDone()).as(() -> out + "\n" + err).isFalse();
                var _ = primary.nextEvent(Duration.ofMillis(20));
            }
            assertThat(mode(primary)).isEqualTo("primary");
            assertThat(mode(secondary)).isEqualTo("secondary");
            assertThat(primary.execute("query-migrate-parameters", PATIENCE)
                            .path("x-checkpoint-delay")
                            .asInt(0))
                    .isEqualTo(50);
            primary.execute("x-colo-lost-heartbeat", PATIENCE);
            assertThat(watching.get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .as(err::toString)
                    .isZero();
            assertThat(out.toString())
                    .contains(
                            "is protected by",
                            "Both ask for the same token",
                            "Protection has ended: the guest goes on at the primary, alone.");
        }
    }
}
