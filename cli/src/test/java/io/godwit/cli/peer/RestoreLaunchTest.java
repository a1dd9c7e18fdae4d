// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.Json;
import io.godwit.qemu.restore.LaunchedQemu;
import io.godwit.qemu.restore.LaunchedQemus;
import io.godwit.qemu.restore.RestoreException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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

    /** Of a QEMU that waits for a guest which never comes. */
    private static List<String> idle() {
        return List.of("qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "none");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aQemuEndsInOrderWithGodwitAndHasNoNumberBehindThat(boolean detached) throws Exception {
        LaunchedQemus qemus = new LaunchedQemus();
        try (LaunchedQemu qemu = LaunchedQemu.start(idle(), detached, qemus)) {
            long pid = qemu.pid().orElseThrow();
            started.add(pid);
            String line = Files.readString(Path.of("/proc/" + pid + "/cmdline"));
            Path its = Path.of(line.replaceAll("(?s).*unix:(/[^,]*)/qmp,.*", "$1"));
            assertThat(its).isDirectory();
            qemu.guestIsWhole();
            qemus.end();
            assertThat(qemu.pid()).isEmpty();
            assertThat(ProcessHandle.of(pid).filter(ProcessHandle::isAlive)).isEmpty();
            // Status 0 is that of an orderly end; of one by force it is 137.
            assertThat(qemu.awaitEnd()).isZero();
            assertThat(its).doesNotExist();
        }
        assertThatThrownBy(() -> LaunchedQemu.start(idle(), detached, qemus))
                .hasMessageContaining("no QEMU is started");
    }

    @Test
    void aQemuThatIsLetGoOutlivesGodwitAndOneThatIsNotCanBeEndedBehindItsClose() throws Exception {
        LaunchedQemus qemus = new LaunchedQemus();
        LaunchedQemu free = LaunchedQemu.start(idle(), true, qemus);
        LaunchedQemu held = LaunchedQemu.start(idle(), true, qemus);
        started.add(free.pid().orElseThrow());
        started.add(held.pid().orElseThrow());
        free.letGo();
        free.close();
        held.close();
        qemus.end();
        assertThat(free.pid()).isPresent();
        assertThat(held.pid()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-incoming", "-daemonize", "--daemonize", "-pidfile"})
    void anArgumentThatGodwitGivesItselfIsRefused(String word) {
        List<String> command = Stream.concat(idle().stream(), Stream.of(word)).toList();
        assertThatThrownBy(() -> LaunchedQemu.start(command, true, new LaunchedQemus()))
                .isInstanceOf(RestoreException.class)
                .hasMessageContaining("Leave -");
    }

    @Test
    void aCloneThatFailsIsToldOfAndTheOthersGoOn(StoredLinux.Stored stored) throws Exception {
        List<ServerSocketChannel> consoles = List.of(door(0), door(1));
        // The second one lacks memory: its QEMU refuses the guest.
        Path wrapper = directory.resolve("qemu");
        Files.writeString(wrapper, """
                #!/bin/sh
                number=$1; shift
                if [ "$number" = 1 ]; then exec qemu-system-x86_64 "$@" -m 64M; fi
                exec qemu-system-x86_64 "$@"
                """);
        assertThat(wrapper.toFile().setExecutable(true)).isTrue();
        List<String> words = new ArrayList<>(List.of(command(stored, "clone", "-n", "2", "--detach", "--json")));
        int at = words.indexOf("qemu-system-x86_64");
        words.set(at, wrapper.toString());
        words.add(at + 1, "{}");
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, words.toArray(String[]::new));
        Json.parse(run.out())
                .path("clones")
                .forEach(clone -> started.add(clone.path("pid").asLong()));
        assertThat(run.err()).contains("Clone 1: ").doesNotContain("Clone 0: ");
        assertThat(run.status()).isEqualTo(1);
        assertThat(started).hasSize(1);
        awaitChecked(consoles.getFirst(), stored);
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
