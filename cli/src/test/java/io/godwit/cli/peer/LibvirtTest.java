// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.LibvirtDaemon.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A domain of a real libvirtd answers QMP, tells of its events, and what libvirt saved goes into a store. */
@Tag("peer")
@Timeout(300)
class LibvirtTest {
    private static Optional<LibvirtDaemon> shared = Optional.empty();

    @TempDir
    Path directory = Path.of("");

    @BeforeAll
    static void startDaemon() throws Exception {
        Optional<String> missing = LibvirtDaemon.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
        shared = Optional.of(LibvirtDaemon.start(""));
        shared.get().create("g1", 64, "");
    }

    @AfterAll
    static void endDaemon() throws Exception {
        if (shared.isPresent()) {
            shared.get().close();
        }
    }

    private static QmpClient connect(String address) {
        return QmpClient.connect(QmpAddress.parse(address), PATIENCE);
    }

    private static QmpEvent await(QmpClient client, String name) throws InterruptedException {
        Optional<QmpEvent> event = client.nextEvent(PATIENCE);
        while (event.isPresent() && !event.get().name().equals(name)) {
            event = client.nextEvent(PATIENCE);
        }
        return event.orElseThrow(() -> new AssertionError("no event " + name));
    }

    @Test
    void aDomainAnswersRefusesAndTellsOfEvents() throws Exception {
        LibvirtDaemon daemon = shared.orElseThrow();
        try (QmpClient client = connect(daemon.qmpAddress("g1"))) {
            assertThat(client.isGodwit()).isFalse();
            assertThat(client.greeting()
                            .path("QMP")
                            .path("version")
                            .path("qemu")
                            .path("major")
                            .asInt())
                    .isGreaterThanOrEqualTo(10);
            assertThat(client.execute("query-name", PATIENCE).path("name").asString())
                    .isEqualTo("g1");
            assertThat(client.execute("query-qmp-schema", PATIENCE).size())
                    .as("an answer longer than a pipe")
                    .isGreaterThan(500);
            assertThatThrownBy(() -> client.execute("no such 'command'", PATIENCE))
                    .isInstanceOf(QmpException.class)
                    .hasMessageContaining("no such 'command' has not been found");
            assertThat(client.execute("stop", PATIENCE).isObject()).isTrue();
            QmpEvent stop = await(client, "STOP");
            assertThat(daemon.virsh("domstate", "g1")).contains("paused");
            assertThat(client.execute("cont", PATIENCE).isObject()).isTrue();
            assertThat(await(client, "RESUME").time()).isAfterOrEqualTo(stop.time());
            assertThat(client.isConnected()).isTrue();
        }
    }

    @Test
    void libvirtWithoutTheDomainOrWithoutItsDaemonIsASentence() {
        LibvirtDaemon daemon = shared.orElseThrow();
        assertThatThrownBy(() -> connect(daemon.qmpAddress("-nobody")))
                .isInstanceOf(QmpConnectionException.class)
                .hasMessageContaining("libvirt knows no domain of this name")
                .hasMessageContaining("virsh -c '" + daemon.uri() + "' list --all");
        assertThatThrownBy(() -> connect("libvirt:g1,uri=qemu+unix:///session?socket=" + directory.resolve("none")))
                .isInstanceOf(QmpConnectionException.class)
                .hasMessageContaining("libvirt does not answer")
                .hasMessageContaining("Start its daemon");
    }

    @Test
    void aDomainThatIsShutOffIsASentenceAndOneThatEndsIsNoticed() throws Exception {
        LibvirtDaemon daemon = shared.orElseThrow();
        daemon.create("g2", 64, "");
        Path xml = daemon.directory().resolve("g2.xml");
        try (QmpClient client = connect(daemon.qmpAddress("g2"))) {
            String _ = daemon.virsh("destroy", "g2");
            String _ = daemon.virsh("define", xml.toString());
            assertThatThrownBy(() -> client.execute("query-status", PATIENCE))
                    .isInstanceOf(QmpConnectionException.class)
                    .hasMessageContaining("shut off")
                    .hasMessageContaining(" start g2");
        }
        String _ = daemon.virsh("undefine", "g2");
    }

    @Test
    void adviceIsGivenForADomain() throws Exception {
        GodwitProcess run = GodwitProcess.run(
                directory,
                PATIENCE,
                "advise",
                "--qmp",
                shared.orElseThrow().qmpAddress("g1"),
                "--bandwidth",
                "100M",
                "--watch",
                "1");
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        assertThat(run.out()).contains("precopy");
    }

    @Test
    void aHostOfGodwitsCannotAnswerThere() throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, "host", "--qmp", "libvirt:g1");
        assertThat(run.status()).isNotZero();
        assertThat(run.err()).contains("a domain's QMP is answered by its own QEMU");
    }

    @ParameterizedTest
    @ValueSource(strings = {"raw", "gzip", "xz"})
    void whatLibvirtSavedIsInTheStoreByteByByte(String format) throws Exception {
        try (LibvirtDaemon daemon = LibvirtDaemon.start("save_image_format = \"" + format + "\"\n")) {
            daemon.create("saved", 64, "");
            Path image = daemon.directory().resolve("image");
            Path memory = daemon.directory().resolve("memory");
            try (QmpClient client = connect(daemon.qmpAddress("saved"))) {
                assertThat(client.execute("stop", PATIENCE).isObject()).isTrue();
                assertThat(client.execute(
                                        "pmemsave",
                                        Json.object()
                                                .put("val", 0)
                                                .put("size", 64 << 20)
                                                .put("filename", memory.toString()),
                                        PATIENCE)
                                .isObject())
                        .isTrue();
            }
            String _ = daemon.virsh("save", "saved", image.toString());
            String store = directory.resolve("store").toString();
            String imported = godwit("store", "import", image.toString(), store + "/saved");
            assertThat(imported).contains("pc-q35").doesNotContain("never came");
            Path raw = directory.resolve("raw");
            String _ =
                    godwit("store", "export", "--form", "raw", "--block", "pc.ram", store + "/saved", raw.toString());
            assertThat(Files.mismatch(raw, memory))
                    .as("first byte that is not pmemsave's")
                    .isEqualTo(-1);
        }
    }

    private String godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        return run.out();
    }
}
