// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.qemu.relay.Relay;
import io.godwit.qemu.relay.RelayFigures;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A Linux goes from QEMU to QEMU through a relay: precopy, postcopy with both of its connections, and a cut. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class RelayTest {
    @TempDir
    Path directory = Path.of("");

    private QemuProcess waiting(RunningLinux.Waiting waiting, boolean postcopy) throws Exception {
        QemuProcess qemu = QemuProcess.start(directory, "destination", waiting.arguments());
        qemu.capability("postcopy-ram", postcopy);
        qemu.capability("postcopy-preempt", postcopy);
        String _ = qemu.execute("migrate-incoming", "{\"uri\": \"" + target() + "\"}");
        return qemu;
    }

    private String target() {
        return "unix:" + directory.resolve("in");
    }

    @ParameterizedTest
    @CsvSource({"tcp:127.0.0.1:0, true, 0", "unix, false, 400000000"})
    void precopyPassesWithOrWithoutAWayBack(
            String listen, boolean returnPath, long limit, QemuProcess source, RunningLinux.Waiting waiting)
            throws Exception {
        source.capability("return-path", returnPath);
        String uri = listen.equals("unix") ? "unix:" + directory.resolve("out") : listen;
        try (QemuProcess destination = waiting(waiting, false);
                Relay relay = Relay.open(uri, target(), limit)) {
            source.migrate(relay.address().toString());
            source.awaitMigration("completed", PATIENCE);
            destination.awaitMigration("completed", PATIENCE);
            assertThat(relay.awaitEnd(PATIENCE)).isTrue();

            RelayFigures figures = relay.figures();
            assertThat(figures.notes()).isEmpty();
            assertThat(figures.complete()).isTrue();
            assertThat(figures.arrived())
                    .isEqualTo(returnPath || !figures.firstEnd().equals("destination"));
            assertThat(figures.lastWord()).isEqualTo(returnPath ? RelayFigures.SHUT : "");
            assertThat(figures.pages() + figures.zeroPages())
                    .isGreaterThanOrEqualTo(((long) RunningLinux.MEMORY_MEBIBYTES << 20) / 4096);
            assertThat(figures.connections()).isEqualTo(1);
            int mark = destination.consoleMark();
            String _ = destination.awaitConsole(mark, LinuxGuest.BEAT, PATIENCE);
        }
    }

    @Test
    void postcopyPassesWithItsRequestsAndItsSecondConnection(QemuProcess source, RunningLinux.Waiting waiting)
            throws Exception {
        source.capability("postcopy-ram", true);
        source.capability("postcopy-preempt", true);
        try (QemuProcess destination = waiting(waiting, true);
                Relay relay = Relay.open("tcp:127.0.0.1:0", target(), 40_000_000)) {
            source.migrate(relay.address().toString());
            source.awaitMigration("active", PATIENCE);
            source.execute("migrate-start-postcopy");
            destination.awaitMigration("completed", PATIENCE);
            source.awaitMigration("completed", PATIENCE);
            assertThat(relay.awaitEnd(PATIENCE)).isTrue();

            RelayFigures figures = relay.figures();
            assertThat(figures.notes()).isEmpty();
            assertThat(figures.postcopy()).isTrue();
            assertThat(figures.connections()).isEqualTo(2);
            assertThat(figures.requests()).isPositive();
            assertThat(figures.preemptPages()).isPositive();
            assertThat(figures.lastWord()).isEqualTo(RelayFigures.SHUT);
            int mark = destination.consoleMark();
            String _ = destination.awaitConsole(mark, LinuxGuest.BEAT, PATIENCE);
        }
    }

    @Test
    void aCutInTheMiddleOfPrecopyLeavesTheGuestWhereItIs(QemuProcess source, RunningLinux.Waiting waiting)
            throws Exception {
        source.capability("return-path", true);
        try (QemuProcess destination = waiting(waiting, false);
                Relay relay = Relay.open("tcp:127.0.0.1:0", target(), 8_000_000)) {
            source.migrate(relay.address().toString());
            source.awaitMigration("active", PATIENCE);
            destination.awaitMigration("active", PATIENCE);
            destination.kill();
            source.awaitMigration("failed", PATIENCE);
            assertThat(relay.awaitEnd(PATIENCE)).isTrue();

            RelayFigures figures = relay.figures();
            assertThat(figures.arrived()).isFalse();
            assertThat(figures.firstEnd()).isEqualTo("destination");
            assertThat(source.query("query-status", "status")).isEqualTo("running");
        }
    }
}
