// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Addresses of domains, what virsh complains about, and the events that it prints. */
class LibvirtWordsTest {
    @Test
    void aDomainIsNamedWithOrWithoutItsConnection() {
        assertThat(QmpAddress.parse("libvirt:web,1")).isEqualTo(new QmpAddress.Libvirt("web,1", Optional.empty()));
        QmpAddress there = QmpAddress.parse("libvirt:web,uri=qemu+ssh://host/system?socket=/a,b");
        assertThat(there).isEqualTo(new QmpAddress.Libvirt("web", Optional.of("qemu+ssh://host/system?socket=/a,b")));
        assertThat(QmpAddress.parse(there.toString())).isEqualTo(there);
    }

    @ParameterizedTest
    @ValueSource(strings = {"libvirt:", "libvirt:,uri=qemu:///system", "libvirt:web,uri="})
    void aDomainWithoutANameIsRefused(String text) {
        assertThatThrownBy(() -> QmpAddress.parse(text)).hasMessageContaining("libvirt:DOMAIN");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            failed to connect to the hypervisor | Start its daemon
            failed to get domain 'web' | virsh -c qemu:///x list --all
            Requested operation is not valid: domain is not running | virsh -c qemu:///x start web
            cannot acquire state change lock (held by monitor=a) | virsh -c qemu:///x domjobinfo web
            something new | virsh says: something new.
            """)
    void whatVirshComplainsAboutComesWithWhatToDo(String said, String todo) {
        Virsh virsh = new Virsh(new QmpAddress.Libvirt("web", Optional.of("qemu:///x")));
        assertThat(virsh.failure("error: " + said + "\n\n")).contains(todo);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            my web | virsh start 'my web'
            it's | virsh start 'it'\\''s'
            -x | virsh start -- -x
            $(reboot) | virsh start '$(reboot)'
            """)
    void aNameIsQuotedInACommandThatIsToBeTyped(String name, String command) {
        Virsh virsh = new Virsh(new QmpAddress.Libvirt(name, Optional.empty()));
        assertThat(virsh.failure("error: domain is not running")).endsWith(command);
    }

    @Test
    void anEventIsReadWithQemusTime() {
        String line = "2026-11-30 17:28:52.713+0000: event MIGRATION for domain 'it's': {\"status\":\"completed\"}";
        assertThat(LibvirtEvents.event(line)).get().satisfies(event -> {
            assertThat(event.name()).isEqualTo("MIGRATION");
            assertThat(event.data().path("status").asString()).isEqualTo("completed");
            assertThat(event.time()).isEqualTo(Instant.parse("2026-11-30T17:28:52.713Z"));
        });
        assertThat(LibvirtEvents.event("2026-11-30 17:28:52.713+0000: event STOP for domain 'g': <null>"))
                .get()
                .satisfies(event -> assertThat(event.data().isEmpty()).isTrue());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "error: something",
                "",
                "2026-11-30 17:28:52.713+0000: event MIGRATION for domain 'g': {\"status\":}",
                "2026-13-30 17:28:52.713+0000: event STOP for domain 'g': <null>"
            })
    void aLineThatIsNoEventIsPassedOver(String line) {
        assertThat(LibvirtEvents.event(line)).isEmpty();
    }
}
