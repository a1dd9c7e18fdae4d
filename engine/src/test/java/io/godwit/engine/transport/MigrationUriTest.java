// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MigrationUriTest {
    @Test
    void everyTransportIsRead() {
        assertThat(MigrationUri.parse("tcp:host:4444")).isEqualTo(new MigrationUri.Tcp("host", 4444));
        assertThat(MigrationUri.parse("tcp:[::1]:0")).isEqualTo(new MigrationUri.Tcp("::1", 0));
        assertThat(MigrationUri.parse("tcp::0")).isEqualTo(new MigrationUri.Tcp("", 0));
        assertThat(MigrationUri.parse("unix:/tmp/a:b")).isEqualTo(new MigrationUri.Unix(Path.of("/tmp/a:b")));
        assertThat(MigrationUri.parse("fd:7")).isEqualTo(new MigrationUri.Fd("7"));
        assertThat(MigrationUri.parse("exec:cat > x")).isEqualTo(new MigrationUri.Exec("cat > x"));
        assertThat(MigrationUri.parse("file:/x,offset=0x1000")).isEqualTo(new MigrationUri.File(Path.of("/x"), 4096));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"tcp:[::1]:4444", "unix:/tmp/x", "fd:3", "tcp::4444", "exec:cat", "file:/x", "file:/x,offset=12"
            })
    void whatIsPrintedIsReadAgain(String uri) {
        assertThat(MigrationUri.parse(uri)).hasToString(uri);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "tcp",
                "tcp:",
                "tcp:host",
                "tcp:host:",
                "tcp:host:65536",
                "tcp:host:-1",
                "tcp:host:x",
                "tcp:fd00::1",
                "tcp:[fd00::1",
                "tcp:[fd00::zz]:1",
                "tcp:ho st:1",
                "fd:7up",
                "fd:99999999999",
                "rdma:host:1",
                "file:/x,offset=",
                "file:/x,offset=-5",
                "unix:",
                "exec:"
            })
    void whatIsNoUriIsRefusedWithItsText(String uri) {
        assertThatThrownBy(() -> MigrationUri.parse(uri))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("'" + uri + "'");
    }

    @Test
    void aPathThatIsTooLongForASocketIsRefused() {
        assertThatThrownBy(() -> MigrationUri.parse("unix:/" + "x".repeat(107)))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("108 bytes");
        assertThat(MigrationUri.parse("unix:/" + "x".repeat(106))).isInstanceOf(MigrationUri.Unix.class);
    }

    @Test
    void anIpv6AddressWithoutBracketsIsRefusedWithAnExample() {
        assertThatThrownBy(() -> MigrationUri.parse("tcp:fd00::1")).hasMessageContaining("tcp:[fd00::1]:4444");
    }
}
