// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files and commands that do not take, or do not give, a whole guest. */
@Timeout(300)
class BadPlacesTest {
    private static final List<String> GUEST =
            List.of("--guest", "memory", "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000");

    @TempDir
    private Path directory = Path.of("");

    private Lab lab = new Lab(Path.of(""), List.of());

    @BeforeEach
    void open() {
        lab = new Lab(directory, GUEST);
    }

    @AfterEach
    void close() {
        lab.close();
    }

    @Test
    void placesThatTakeNoGuestLeaveItRunning() {
        Host source = lab.source();
        assertStays(source, "file:/dev/full", "ENOSPC");
        assertStays(source, "file:" + directory.resolve("no/such/directory"), "ENOENT");
        assertStays(source, "file:" + directory, "EISDIR");
        assertStays(source, "exec:exit 7", "status 7");
        assertStays(source, "exec:head -c 1000000 > /dev/null; exit 8", "status 8");
        assertStays(source, "exec:cat > /dev/null; exit 9", "status 9");
        assertStays(source, "exec:/no/such/command", "status 127");
        assertStays(source, "exec:kill -9 $$", "status 137");
        assertStays(source, "unix:" + directory.resolve("nobody"), "ENOENT");
        assertStays(source, "tcp:127.0.0.1:1", "ECONNREFUSED");
        assertStays(source, "tcp:no-such-host.invalid:1", "is not known");
    }

    private static void assertStays(Host source, String uri, String word) {
        source.migrate(uri);
        assertThat(source.awaitEnd()).as(uri).isEqualTo("failed");
        assertThat(source.error()).contains(uri, word, "the guest is here, as it was");
        source.assertRunsWell(1024);
    }

    @Test
    void aFullDiskLeavesTheGuestRunning() throws Exception {
        Path disk = Files.createDirectory(directory.resolve("disk"));
        assumeThat(run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString()))
                .as("the right to mount a small file system is needed")
                .isZero();
        try {
            Host source = lab.source();
            assertStays(source, "file:" + disk.resolve("guest"), "ENOSPC");
        } finally {
            assertThat(run("umount", disk.toString())).isZero();
        }
    }

    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    @Test
    void aGuestInAFileThatWasCutOrBentDoesNotStart() throws Exception {
        SplittableRandom random = Lab.seeded("cut files");
        Path file = directory.resolve("guest");
        Host source = lab.source();
        source.migrate("file:" + file);
        assertThat(source.awaitEnd()).as(source.error()).isEqualTo("completed");
        long length = Files.size(file);
        for (long keep : List.of(random.nextLong(length), length - 1, 0L, random.nextLong(200))) {
            Path cut = Files.copy(file, directory.resolve("cut-" + keep));
            try (FileChannel channel = FileChannel.open(cut, StandardOpenOption.WRITE)) {
                channel.truncate(keep);
            }
            assertNotStarted("file:" + cut);
            assertNotStarted("exec:cat '" + cut + "'");
            Files.delete(cut);
        }
        assertNotStarted("exec:head -c 5000000 '" + file + "'; exit 3");
        Host destination = lab.destination();
        destination.ask("migrate-incoming", Json.object().put("uri", "file:" + file));
        assertThat(destination.awaitEnd()).as(destination.error()).isEqualTo("completed");
        destination.assertRunsWell(1024);
        assertThat(source.runState()).isEqualTo("postmigrate");
    }

    private void assertNotStarted(String uri) {
        try (Host destination = lab.destination()) {
            destination.ask("migrate-incoming", Json.object().put("uri", uri));
            assertThat(destination.awaitEnd()).as(uri).isEqualTo("failed");
            assertThat(destination.error()).contains(uri, "the guest was not started here");
            assertThat(destination.guest().beats()).isZero();
        }
    }
}
