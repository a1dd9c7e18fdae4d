// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A Godwit's guest is captured as a QEMU's is. */
@Tag("peer")
@Timeout(300)
class CaptureOfGodwitTest {
    @TempDir
    Path directory = Path.of("");

    private JsonNode capture(String address, String name, String after) throws Exception {
        GodwitProcess run = GodwitProcess.run(
                directory, PATIENCE, "capture", "--json", after, "--qmp", address, directory + "/store/" + name);
        assertThat(run.status()).as(run.err()).isZero();
        return Json.parse(run.out());
    }

    private static String runState(String address) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try (QmpClient client = QmpClient.connect(QmpAddress.parse(address), PATIENCE)) {
                return client.execute("query-status", PATIENCE).path("status").asString("");
            } catch (QmpConnectionException e) {
                if (System.nanoTime() - deadline > 0) {
                    throw e;
                }
            }
        }
    }

    @Test
    void theGuestRunsOnOrStandsStillAsItIsToldTo() throws Exception {
        String address = "unix:" + directory.resolve("host");
        String[] host = {"host", "--guest", "memory", "--memory", "8M", "--program", "stepper", "--qmp", address};
        try (CapturingGodwit source = CapturingGodwit.start(directory, host)) {
            assertThat(runState(address)).as(source.err()).isEqualTo("running");
            JsonNode live = capture(address, "live", "--keep-running");
            assertThat(live.path("pauseMicros").asLong()).isPositive();
            assertThat(live.path("machine").asString("")).startsWith("godwit-memory");
            assertThat(runState(address)).isEqualTo("running");
            JsonNode still = capture(address, "still", "--pause");
            assertThat(still.path("absentPages").asLong(-1)).isZero();
            assertThat(runState(address)).isEqualTo("postmigrate");
        }
        assertThat(GodwitProcess.run(directory, PATIENCE, "store", "check", directory + "/store")
                        .status())
                .isZero();
    }
}
