// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * A Linux that checks all of its free memory, captured from a QEMU into a store while it ran; once for all tests of
 * this JVM. A parameter of type {@link Stored} is that.
 */
final class StoredLinux implements ParameterResolver, BeforeEachCallback {
    static final int MEMORY_MEBIBYTES = 128;

    /**
     * The stored guest.
     *
     * @param directory that has the store
     * @param address of the snapshot, as commands take it
     * @param machine QEMU's arguments for the machine that it ran on
     * @param beats how often it had checked all of its memory when it was captured
     */
    record Stored(Path directory, String address, List<String> machine, int beats) implements AutoCloseable {
        static Stored capture() {
            try {
                Path directory = Files.createTempDirectory("godwit-stored");
                List<String> machine = LinuxGuest.prepare(directory).checkingArguments(MEMORY_MEBIBYTES, "q35", "tcg");
                Path stream = directory.resolve("stream");
                int beats;
                try (QemuProcess qemu = QemuProcess.start(directory, "captured", machine)) {
                    String _ = qemu.awaitConsole(LinuxGuest.BEAT + 1, QemuProcess.PATIENCE.multipliedBy(2));
                    qemu.migrate("exec:cat > " + stream);
                    qemu.awaitMigration("completed", QemuProcess.PATIENCE);
                    beats = qemu.beats();
                }
                String address = directory.resolve("store") + "/linux";
                GodwitProcess run = GodwitProcess.run(
                        directory, QemuProcess.PATIENCE, "store", "import", stream.toString(), address);
                assertThat(run.err()).isEmpty();
                Files.delete(stream);
                return new Stored(directory, address, machine, beats);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("the test run is ending", e);
            }
        }

        /** QEMU's arguments for a machine that waits for it. */
        List<String> waiting() {
            return Stream.concat(machine.stream(), Stream.of("-incoming", "defer"))
                    .toList();
        }

        /** Its RAM as a file in that directory, as the store has it. */
        Path raw(Path into) throws IOException, InterruptedException {
            Path raw = into.resolve("raw");
            GodwitProcess export = GodwitProcess.run(
                    into,
                    QemuProcess.PATIENCE,
                    "store",
                    "export",
                    "--form",
                    "raw",
                    "--block",
                    "pc.ram",
                    address,
                    raw.toString());
            assertThat(export.err()).isEmpty();
            return raw;
        }

        /** Waits until the restored guest has checked all of its memory, and fails if something was wrong. */
        void awaitChecked(QemuProcess restored) throws IOException, InterruptedException {
            // The first one behind the restore began before it, so one more is needed that is wholly behind.
            String _ = restored.awaitConsole(LinuxGuest.BEAT + (beats + 2), QemuProcess.PATIENCE);
            assertThat(restored.console()).noneMatch(line -> line.contains(LinuxGuest.WRONG));
        }

        @Override
        public void close() throws IOException {
            try (Stream<Path> left = Files.walk(directory)) {
                for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        Optional<String> missing = QemuProcess.missing().or(LinuxGuest::missing);
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == Stored.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return context.getRoot()
                .getStore(Namespace.GLOBAL)
                .computeIfAbsent(Stored.class, _ -> Stored.capture(), Stored.class);
    }
}
