// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.Json;
import io.godwit.qemu.capture.CaptureException;
import io.godwit.qemu.capture.LiveStream;
import io.godwit.stream.StreamInspection;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The stream of a guest that runs is looked at, and the guest runs on: it is never given away. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class InspectLiveTest {
    private static final String ANY_PORT = "tcp:127.0.0.1:0";

    private final LiveStream stream = new LiveStream();

    @TempDir
    Path directory = Path.of("");

    @AfterEach
    void giveUp() {
        stream.cancel();
    }

    private static void migrate(QemuProcess qemu, String uri) {
        try {
            qemu.migrate(uri);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static JsonNode answer(QemuProcess qemu, String command) throws Exception {
        return Json.parse(qemu.execute(command)).path("return");
    }

    private static void assertRunsOn(QemuProcess qemu) throws Exception {
        int mark = qemu.consoleMark();
        String _ = qemu.awaitConsole(mark, LinuxGuest.BEAT, PATIENCE);
        assertThat(qemu.query("query-status", "status")).isEqualTo("running");
    }

    @Test
    void aGuestThatGodwitAsksForRunsOnWithItsSettingsAsTheyWere(QemuProcess qemu) throws Exception {
        qemu.capability("postcopy-ram", true);
        JsonNode capabilities = answer(qemu, "query-migrate-capabilities");
        JsonNode parameters = answer(qemu, "query-migrate-parameters");
        GodwitProcess run =
                GodwitProcess.run(directory, PATIENCE, "inspect", "--json", "--fields", "--qmp", qemu.qmpAddress());
        assertThat(run.status()).as(run.err()).isZero();
        JsonNode told = Json.parse(run.out());
        assertThat(told.path("ending").asString()).isEqualTo("complete");
        assertThat(told.path("trailingBytes").asLong(-1)).isZero();
        assertThat(run.out()).contains("\"pc.ram\"", "env.eip");
        assertRunsOn(qemu);
        assertThat(answer(qemu, "query-migrate-capabilities")).isEqualTo(capabilities);
        assertThat(answer(qemu, "query-migrate-parameters")).isEqualTo(parameters);
    }

    @Test
    void aGuestThatSomebodyElseSendsIsRefusedAtTheEndAndRunsOn(QemuProcess qemu) throws Exception {
        qemu.capability("return-path", true);
        StreamInspection found = stream.at(ANY_PORT, uri -> migrate(qemu, uri));
        assertThat(found.ending()).isEqualTo(StreamInspection.Ending.COMPLETE);
        qemu.awaitMigration("failed", PATIENCE);
        assertRunsOn(qemu);
    }

    @Test
    void aSourceWithoutAReturnPathIsCutBeforeItCountsItsGuestAsGone(QemuProcess qemu) throws Exception {
        assertThatThrownBy(() -> stream.at(ANY_PORT, uri -> migrate(qemu, uri)))
                .isInstanceOf(CaptureException.class)
                .hasMessageContaining("the source has no return path");
        qemu.awaitMigration("failed", PATIENCE);
        assertRunsOn(qemu);
    }
}
