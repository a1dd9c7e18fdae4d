// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.linux.memory.NativeMemory;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The bytes of a QEMU that sends a live Linux by postcopy, read by the readers alone: pages, package, preempt channel,
 * recovery.
 */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class PostcopyWireTest {
    private static final long RAM_BYTES = (long) RunningLinux.MEMORY_MEBIBYTES << 20;

    @TempDir
    Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource({"false, false, 1", "true, false, 2", "false, true, 3", "true, true, 4"})
    void everyPageComesOnceAndThePackageIsUnderstood(boolean preempt, boolean cut, long seed, QemuProcess qemu)
            throws Exception {
        System.out.println("request seed " + seed);
        qemu.capability("postcopy-ram", true);
        qemu.capability("postcopy-preempt", preempt);
        // Slow enough that the switch comes while most pages are missing.
        qemu.parameters("\"max-bandwidth\": 20000000, \"max-postcopy-bandwidth\": 50000000");
        try (ScriptedDestination destination = new ScriptedDestination(seed)) {
            if (cut) {
                destination.cutAfter(5000);
            }
            qemu.migrate(destination.uri());
            qemu.awaitMigration("active", PATIENCE);
            qemu.execute("migrate-start-postcopy");
            boolean whole = destination.receive(preempt);
            if (cut) {
                assertThat(whole).isFalse();
                qemu.awaitMigration("postcopy-paused", PATIENCE);
                destination.prepareRecovery();
                qemu.resume(destination.uri());
                whole = destination.receive(preempt);
            }
            assertThat(whole).isTrue();
            qemu.awaitMigration("completed", PATIENCE);
            assertMemoryAndPackage(destination, qemu);
            assertThat(destination.twicePages()).as("pages sent twice").isZero();
            assertThat(destination.preemptPages() > 0).isEqualTo(preempt);
            System.out.println("requested " + destination.requestedPages() + ", preempt " + destination.preemptPages()
                    + ", after the switch " + destination.pagesAfterSwitch() + ", " + destination.commands());
        }
    }

    private void assertMemoryAndPackage(ScriptedDestination destination, QemuProcess qemu) throws Exception {
        assertThat(destination.missingPages("pc.ram")).isZero();
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(0, RAM_BYTES, saved);
        NativeMemory memory = destination.memory("pc.ram");
        assertThat(SavedMemory.differingPages(saved, memory)).isEmpty();
        assertThat(destination.arrived().pings()).startsWith(3);
        assertThat(destination.arrived().devices()).isEmpty();
        assertThat(destination.arrived().deviceBytes().byteLength()).isGreaterThan(10_000);
        assertThat(destination.commands())
                .containsSubsequence(List.of(
                        "OpenReturnPath",
                        "Ping",
                        "PostcopyAdvise",
                        "SwitchoverStart",
                        "PostcopyRamDiscard",
                        "Ping",
                        "Packaged",
                        "Ping"));
    }
}
