// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.Json;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** gdb reads a guest that was captured: the registers and the memory that its QEMU tells of. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class ElfCoreTest {
    private static final List<String> REGISTERS =
            List.of("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r15", "rip");
    private static final List<Path> GDB = List.of(Path.of("/usr/bin/gdb"), Path.of("/usr/local/bin/gdb"));

    @TempDir
    Path directory = Path.of("");

    private void godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.status()).as(run.err()).isZero();
    }

    private static String monitor(QemuProcess qemu, String line) throws Exception {
        return Json.parse(qemu.execute("human-monitor-command", "{\"command-line\": \"" + line + "\"}"))
                .path("return")
                .asString();
    }

    /** The number behind that name, in hexadecimal. */
    private static long number(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern + "([0-9a-f]+)").matcher(text);
        assertThat(matcher.find()).as(pattern + " in " + text).isTrue();
        return Long.parseUnsignedLong(matcher.group(1), 16);
    }

    @Test
    void registersAndMemoryAreThoseThatQemuTellsOf(QemuProcess qemu) throws Exception {
        Path gdb = GDB.stream().filter(Files::isExecutable).findFirst().orElse(Path.of(""));
        assumeTrue(Files.isExecutable(gdb), "no gdb; ./dev peers installs it as root on Debian");
        String address = directory.resolve("store") + "/linux";
        godwit("capture", "--pause", "--qmp", qemu.qmpAddress(), address);
        Path core = directory.resolve("core");
        godwit("store", "export", "--form", "elf", address, core.toString());

        Process run = new ProcessBuilder(
                        gdb.toString(),
                        "-q",
                        "-nx",
                        "-batch",
                        "-ex",
                        "info registers",
                        "-ex",
                        "x/1gx 0x1000000",
                        "-c",
                        core.toString())
                .redirectErrorStream(true)
                .start();
        String told = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(run.waitFor()).as(told).isZero();
        String wanted = monitor(qemu, "info registers");
        for (String register : REGISTERS) {
            assertThat(number(told, "(?m)^" + register + " +0x"))
                    .as(register)
                    .isEqualTo(number(wanted, register.toUpperCase(Locale.ROOT) + " *="));
        }
        // The kernel's first bytes.
        assertThat(number(told, "(?m)^0x1000000:\\s+0x"))
                .isNotZero()
                .isEqualTo(number(monitor(qemu, "xp /1gx 0x1000000"), ": 0x"));
    }
}
