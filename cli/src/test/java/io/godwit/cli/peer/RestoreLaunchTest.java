// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** QEMUs that Godwit starts for a stored guest, one or several. */
@Tag("peer")
@Timeout(300)
@ExtendWith(StoredLinux.class)
class RestoreLaunchTest {
    @TempDir
    Path directory = Path.of("");

    private final List<Long> started = new ArrayList<>();
    private final List<ServerSocketChannel> doors = new ArrayList<>();

    @AfterEach
    void endQemus() throws IOException {
        started.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
        for (ServerSocketChannel door : doors) {
            door.close();
        }
    }

    /** Where the serial console of QEMU {@code number} will connect. */
    private ServerSocketChannel door(int number) throws IOException {
        ServerSocketChannel door = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        doors.add(door);
        return door.bind(UnixDomainSocketAddress.of(directory.resolve("serial" + number)));
    }

    private String[] command(StoredLinux.Stored stored, String... before) {
        List<String> all = new ArrayList<>(List.of(before));
        all.addAll(List.of(stored.address(), "--", "qemu-system-x86_64", "-nodefaults", "-display", "none"));
        all.addAll(List.of("-serial", "unix:" + directory.resolve("serial{}")));
        all.addAll(stored.machine());
        return all.toArray(String[]::new);
    }

    private void awaitChecked(ServerSocketChannel door, StoredLinux.Stored stored) throws Exception {
        try (SocketChannel console = door.accept()) {
            Lines lines = new Lines("console", Channels.newInputStream(console));
            String last = LinuxGuest.BEAT + (stored.beats() + 2);
            assertThat(lines.await(0, line -> line.contains(last), PATIENCE))
                    .as(last)
                    .isPresent();
            assertThat(lines.all()).noneMatch(line -> line.contains(LinuxGuest.WRONG));
        }
    }

    @Test
    void clonesRunSideBySideAndTheStoreIsReadOnce(StoredLinux.Stored stored) throws Exception {
        List<ServerSocketChannel> consoles = List.of(door(0), door(1), door(2));
        GodwitProcess run =
                GodwitProcess.run(directory, PATIENCE, command(stored, "clone", "-n", "3", "--detach", "--json"));
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        JsonNode told = Json.parse(run.out());
        told.path("clones").forEach(clone -> started.add(clone.path("pid").asLong()));
        assertThat(started).hasSize(3).doesNotHaveDuplicates();
        GodwitProcess show = GodwitProcess.run(directory, PATIENCE, "store", "show", "--json", stored.address());
        long frames = Json.parse(show.out()).path("newBytes").asLong();
        assertThat(told.path("readBytes").asLong()).as("bytes read").isBetween(frames / 2, frames + frames / 20);
        for (ServerSocketChannel console : consoles) {
            awaitChecked(console, stored);
        }
    }

    @Test
    void aQemuThatGoesOnAloneHasTheGuestWhenTheCommandEnds(StoredLinux.Stored stored) throws Exception {
        ServerSocketChannel console = door(0);
        String[] command = command(stored, "restore", "--detach", "--json");
        for (int i = 0; i < command.length; i++) {
            command[i] = command[i].replace("{}", "0");
        }
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, command);
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        started.add(Json.parse(run.out()).path("pid").asLong());
        awaitChecked(console, stored);
    }

    @Test
    void aQemuThatDoesNotStartIsToldOfWithItsStatus(StoredLinux.Stored stored) throws Exception {
        GodwitProcess run = GodwitProcess.run(
                directory, PATIENCE, "restore", stored.address(), "--", "qemu-system-x86_64", "-machine", "nothing");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("unsupported machine type").contains("QEMU ended with status 1");
    }

    @Test
    void aMachineThatDoesNotFitIsRefusedByQemuAndTheStoreStaysAsItIs(StoredLinux.Stored stored) throws Exception {
        GodwitProcess run = GodwitProcess.run(
                directory,
                PATIENCE,
                "restore",
                stored.address(),
                "--",
                "qemu-system-x86_64",
                "-nodefaults",
                "-display",
                "none",
                "-machine",
                "q35",
                "-m",
                "64M");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("The store has the guest as before.");
    }
}
