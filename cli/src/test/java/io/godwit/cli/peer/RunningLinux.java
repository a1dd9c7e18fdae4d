// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * One QEMU with a busy Linux for all tests of this JVM, because an emulated boot takes longer than any test. A
 * parameter of type {@link QemuProcess} is that QEMU, its guest running, and one of type {@link Waiting} a machine for
 * it to move to; whatever a test does to it is undone after the test.
 */
final class RunningLinux implements ParameterResolver, BeforeEachCallback, AfterEachCallback {
    static final int MEMORY_MEBIBYTES = 256;
    static final int WORKING_SET_MEBIBYTES = 8;

    private static final List<String> CAPABILITIES = List.of(
            "return-path",
            "multifd",
            "xbzrle",
            "postcopy-preempt",
            "postcopy-ram",
            "x-ignore-shared",
            "mapped-ram",
            "x-colo");

    /** QEMU's arguments for a machine that waits for this guest. */
    record Waiting(List<String> arguments) {}

    private record Shared(Path directory, List<String> machine, QemuProcess qemu) implements AutoCloseable {
        static Shared boot() {
            try {
                Path directory = Files.createTempDirectory("godwit-linux");
                List<String> machine = LinuxGuest.prepare(directory).arguments(MEMORY_MEBIBYTES, WORKING_SET_MEBIBYTES);
                QemuProcess qemu = QemuProcess.start(directory, "linux", machine);
                qemu.awaitConsole(LinuxGuest.BEAT + 1, QemuProcess.PATIENCE.multipliedBy(2));
                return new Shared(directory, machine, qemu);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("the test run is ending", e);
            }
        }

        @Override
        public void close() throws IOException {
            qemu.close();
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
    public void afterEach(ExtensionContext context) throws Exception {
        if (context.getRoot().getStore(Namespace.GLOBAL).get(Shared.class) instanceof Shared shared) {
            QemuProcess qemu = shared.qemu();
            for (String capability : CAPABILITIES) {
                qemu.capability(capability, false);
            }
            qemu.parameters("\"downtime-limit\": 300, \"max-bandwidth\": 0, \"max-postcopy-bandwidth\": 0");
            qemu.execute("cont");
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        return type == QemuProcess.class || type == Waiting.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        Shared shared = shared(context);
        if (parameter.getParameter().getType() == QemuProcess.class) {
            return shared.qemu();
        }
        return new Waiting(Stream.concat(shared.machine().stream(), Stream.of("-incoming", "defer"))
                .toList());
    }

    private static Shared shared(ExtensionContext context) {
        return context.getRoot()
                .getStore(Namespace.GLOBAL)
                .computeIfAbsent(Shared.class, _ -> Shared.boot(), Shared.class);
    }
}
