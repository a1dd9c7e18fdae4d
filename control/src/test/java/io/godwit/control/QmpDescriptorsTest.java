// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.host.MachineHost;
import io.godwit.host.PassedDescriptors;
import io.godwit.linux.io.Pipes;
import io.godwit.linux.io.Sockets;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Descriptors that clients pass, by QEMU's commands and in its words. */
@Timeout(120)
class QmpDescriptorsTest {
    private static final String DONE = "{\"return\":{}}";

    @TempDir
    private Path directory = Path.of("");

    private final Pipes.Pair pipe = Pipes.pair();
    private final int passed = pipe.writeEnd().number();

    @AfterEach
    void close() {
        pipe.close();
    }

    private QmpAddress address(String name) {
        return new QmpAddress.Unix(directory.resolve(name));
    }

    private static String desc(String answer) {
        return Json.parse(answer).path("error").path("desc").asString("");
    }

    private static MachineHost host(Origin origin) {
        GuestOptions options =
                GuestOptions.defaults().withKind(GuestKind.MEMORY).withMemoryBytes(4 << 20);
        return new MachineHost(Machines.create(options, origin), new NoArbiter(), origin, false);
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void namesAreGivenReplacedAndClosed() {
        FakeHost host = new FakeHost();
        try (QmpServer server = QmpServer.open(address("q"), host);
                PassingSession session = new PassingSession(server.address())) {
            String getfd = "{'execute':'getfd','arguments':{'fdname':'migrate'}}";
            long before = PassingSession.openDescriptors();
            assertThat(desc(session.ask(getfd))).isEqualTo("No file descriptor supplied via SCM_RIGHTS");
            assertThat(session.ask(getfd, passed)).isEqualTo(DONE);
            assertThat(session.ask(getfd, passed, passed, passed)).isEqualTo(DONE);
            assertThat(PassingSession.openDescriptors()).isEqualTo(before + 1);
            assertThat(desc(session.ask("{'execute':'getfd','arguments':{'fdname':'1a'}}", passed)))
                    .isEqualTo("Parameter 'fdname' expects a name not starting with a digit");
            assertThat(desc(session.ask("{'execute':'getfd','arguments':{}}", passed)))
                    .isEqualTo("Parameter 'fdname' is missing");
            String closefd = "{'execute':'closefd','arguments':{'fdname':'migrate'}}";
            assertThat(session.ask(closefd)).isEqualTo(DONE);
            assertThat(desc(session.ask(closefd))).isEqualTo("File descriptor named 'migrate' not found");
            assertThat(PassingSession.openDescriptors()).isEqualTo(before);
        }
    }

    @Test
    void setsAreFilledAskedForAndEmptied() {
        FakeHost host = new FakeHost();
        try (QmpServer server = QmpServer.open(address("q"), host);
                PassingSession session = new PassingSession(server.address())) {
            long before = PassingSession.openDescriptors();
            assertThat(desc(session.ask("{'execute':'add-fd'}")))
                    .isEqualTo("No file descriptor supplied via SCM_RIGHTS");
            int first = Json.parse(session.ask("{'execute':'add-fd'}", passed))
                    .path("return")
                    .path("fd")
                    .asInt(-1);
            assertThat(session.ask("{'execute':'add-fd','arguments':{'opaque':'o'}}", passed))
                    .startsWith("{\"return\":{\"fdset-id\":1,\"fd\":");
            assertThat(session.ask("{'execute':'add-fd','arguments':{'fdset-id':0}}", passed))
                    .startsWith("{\"return\":{\"fdset-id\":0,\"fd\":");
            assertThat(desc(session.ask("{'execute':'add-fd','arguments':{'fdset-id':-1}}", passed)))
                    .isEqualTo("Parameter 'fdset-id' expects a non-negative value");
            assertThat(session.ask("{'execute':'query-fdsets'}").replaceAll("\"fd\":\\d+", "\"fd\":N"))
                    .isEqualTo("{\"return\":[{\"fdset-id\":0,\"fds\":[{\"fd\":N},{\"fd\":N}]},"
                            + "{\"fdset-id\":1,\"fds\":[{\"fd\":N,\"opaque\":\"o\"}]}]}");
            String remove = "{'execute':'remove-fd','arguments':{'fdset-id':0,'fd':" + first + "}}";
            assertThat(session.ask(remove)).isEqualTo(DONE);
            assertThat(desc(session.ask(remove)))
                    .isEqualTo("File descriptor named 'fdset-id:0, fd:" + first + "' not found");
            assertThat(session.ask("{'execute':'remove-fd','arguments':{'fdset-id':0}}"))
                    .isEqualTo(DONE);
            assertThat(desc(session.ask("{'execute':'remove-fd','arguments':{'fdset-id':0}}")))
                    .isEqualTo("File descriptor named 'fdset-id:0' not found");
            assertThat(session.ask("{'execute':'remove-fd','arguments':{'fdset-id':1}}"))
                    .isEqualTo(DONE);
            assertThat(PassingSession.openDescriptors()).isEqualTo(before);
        }
    }

    @Test
    void whatNoCommandTakesIsClosed() {
        FakeHost host = new FakeHost();
        try (QmpServer server = QmpServer.open(address("q"), host);
                PassingSession session = new PassingSession(server.address())) {
            long before = PassingSession.openDescriptors();
            assertThat(session.ask("{'execute':'query-status'}", passed, passed))
                    .contains("return");
            assertThat(session.ask("[1]", passed)).contains("error");
            // The latest that came with a command is the one; what came with its earlier pieces is closed.
            session.send("{'execute':'getfd',", passed);
            assertThat(session.ask("'arguments':{'fdname':'a'}}", passed)).isEqualTo(DONE);
            assertThat(session.ask("{'execute':'closefd','arguments':{'fdname':'a'}}"))
                    .isEqualTo(DONE);
            assertThat(session.ask("{'execute':'query-status'}")).contains("return");
            assertThat(PassingSession.openDescriptors()).isEqualTo(before);
        }
    }

    @Test
    void moreThanOneMessageMayBringAreRefusedAndClosed() {
        FakeHost host = new FakeHost();
        try (QmpServer server = QmpServer.open(address("q"), host);
                PassingSession session = new PassingSession(server.address())) {
            long before = PassingSession.openDescriptors();
            Integer[] many = Collections.nCopies(17, passed).toArray(Integer[]::new);
            assertThat(desc(session.ask("{'execute':'getfd','arguments':{'fdname':'a'}}", many)))
                    .startsWith("More than 16 file descriptors came in one message");
            assertThat(PassingSession.openDescriptors()).isEqualTo(before);
            assertThat(session.ask("{'execute':'getfd','arguments':{'fdname':'a'}}", passed))
                    .isEqualTo(DONE);
        }
    }

    @Test
    void aHostHoldsSoManyAndNoMore() {
        FakeHost host = new FakeHost();
        try (QmpServer server = QmpServer.open(address("q"), host);
                PassingSession session = new PassingSession(server.address())) {
            for (int i = 0; i < PassedDescriptors.MAX_HELD; i++) {
                assertThat(session.ask("{'execute':'add-fd'}", passed)).contains("return");
            }
            long before = PassingSession.openDescriptors();
            assertThat(desc(session.ask("{'execute':'add-fd'}", passed))).contains("128 descriptors are held already");
            assertThat(PassingSession.openDescriptors()).isEqualTo(before);
        }
    }

    @Test
    void aThousandThatCameAndWentLeaveNothing() {
        FakeHost host = new FakeHost();
        long before = PassingSession.openDescriptors();
        try (QmpServer server = QmpServer.open(address("q"), host)) {
            try (PassingSession session = new PassingSession(server.address())) {
                long within = PassingSession.openDescriptors();
                for (int i = 0; i < 1000; i++) {
                    assertThat(session.ask("{'execute':'getfd','arguments':{'fdname':'a'}}", passed))
                            .isEqualTo(DONE);
                }
                assertThat(PassingSession.openDescriptors()).isEqualTo(within + 1);
                assertThat(session.ask("{'execute':'add-fd'}", passed)).contains("return");
            }
            // With the last client its sets go; names stay until the host ends.
            await(() -> host.descriptors.members().isEmpty());
        }
        host.descriptors.close();
        await(() -> PassingSession.openDescriptors() == before);
    }

    @Test
    void aGuestMovesOverWhatWasPassedAsLibvirtDoesIt() {
        try (MachineHost from = host(Origin.BOOT);
                MachineHost to = host(Origin.ARRIVAL);
                QmpServer there = QmpServer.open(address("to"), to);
                QmpServer here = QmpServer.open(address("from"), from);
                PassingSession source = new PassingSession(here.address());
                PassingSession destination = new PassingSession(there.address());
                Sockets.Pair wire = Sockets.pair()) {
            long before = PassingSession.openDescriptors();
            from.cont();
            String fd = Json.parse(destination.ask(
                            "{'execute':'add-fd'}", wire.second().number()))
                    .path("return")
                    .path("fd")
                    .toString();
            assertThat(destination.ask("{'execute':'migrate-incoming','arguments':{'uri':'fd:" + fd + "'}}"))
                    .isEqualTo(DONE);
            assertThat(source.ask(
                            "{'execute':'getfd','arguments':{'fdname':'migrate'}}",
                            wire.first().number()))
                    .isEqualTo(DONE);
            assertThat(source.ask("{'execute':'migrate','arguments':{'uri':'fd:migrate'}}"))
                    .isEqualTo(DONE);
            await(() -> from.migration().statistics().status().isEnded()
                    && to.migration().statistics().status().isEnded());
            assertThat(to.migration().statistics().error()).isEmpty();
            assertThat(from.migration().statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(desc(source.ask("{'execute':'closefd','arguments':{'fdname':'migrate'}}")))
                    .as("the migration has taken it")
                    .contains("not found");
            to.descriptors().dropSets();
            await(() -> PassingSession.openDescriptors() <= before);
        }
    }

    @Test
    void noOtherDescriptorOfTheProcessCanBeNamed() throws Exception {
        try (MachineHost host = host(Origin.BOOT);
                QmpServer server = QmpServer.open(address("q"), host);
                PassingSession session = new PassingSession(server.address())) {
            host.cont();
            List<String> open;
            try (var all = Files.list(Path.of("/proc/self/fd"))) {
                open = all.map(path -> path.getFileName().toString()).toList();
            }
            for (String number : open) {
                String answer = session.ask("{'execute':'migrate','arguments':{'uri':'fd:" + number + "'}}");
                assertThat(desc(answer))
                        .as("fd %s", number)
                        .startsWith("File descriptor named '" + number + "' has not been found")
                        .contains("getfd")
                        .contains("--inherit-fd");
            }
            assertThat(desc(session.ask("{'execute':'migrate','arguments':{'uri':'fd:nobody'}}")))
                    .startsWith("File descriptor named 'nobody' has not been found");
            assertThat(host.migration().statistics().status()).isEqualTo(MigrationStatus.NONE);
            assertThat(session.ask("{'execute':'query-status'}")).contains("\"running\":true");
        }
    }
}
