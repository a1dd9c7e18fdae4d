// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.settings.Capability;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MachineHostTest {
    private static MachineHost host() {
        GuestOptions options =
                GuestOptions.defaults().withKind(GuestKind.MEMORY).withMemoryBytes(4 << 20);
        return new MachineHost(Machines.create(options), new NoArbiter(), Origin.BOOT, false);
    }

    @Test
    void allCapabilitiesAreSwitchedOrNone() {
        try (MachineHost host = host()) {
            Set<Capability> before = host.migration().capabilities();
            assertThatThrownBy(() -> host.setCapabilities(
                            Set.of(Capability.EVENTS, Capability.POSTCOPY_PREEMPT), Set.of(Capability.RETURN_PATH)))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("'postcopy-preempt' requires 'postcopy-ram'");
            assertThat(host.migration().capabilities()).isEqualTo(before);
            host.setCapabilities(
                    Set.of(Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_RAM), Set.of(Capability.RETURN_PATH));
            assertThat(host.migration().capabilities())
                    .contains(Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_RAM)
                    .doesNotContain(Capability.RETURN_PATH);
        }
    }

    @Test
    void whatOthersNeedIsNotSwitchedOffAlone() {
        try (MachineHost host = host()) {
            host.setCapabilities(Set.of(Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_RAM), Set.of());
            assertThatThrownBy(() -> host.setCapabilities(Set.of(), Set.of(Capability.POSTCOPY_RAM)))
                    .isInstanceOf(MigrationException.Refused.class);
            assertThat(host.migration().capabilities()).contains(Capability.POSTCOPY_RAM);
            host.setCapabilities(Set.of(), Set.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT));
            assertThat(host.migration().capabilities()).doesNotContain(Capability.POSTCOPY_RAM);
        }
    }

    @Test
    void whatIsNotInThisVersionIsRefusedWithTheRest() {
        try (MachineHost host = host()) {
            assertThatThrownBy(() -> host.setCapabilities(Set.of(Capability.EVENTS, Capability.MULTIFD), Set.of()))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("'multifd' is not available");
            assertThat(host.migration().capabilities()).doesNotContain(Capability.EVENTS);
        }
    }

    @Test
    void withoutAPostcopyItsCommandsAreRefused() {
        try (MachineHost host = host()) {
            assertThatThrownBy(host.migration()::startPostcopy).isInstanceOf(MigrationException.Refused.class);
            assertThatThrownBy(host.migration()::pausePostcopy).isInstanceOf(MigrationException.Refused.class);
            assertThatThrownBy(() -> host.migration().recover("tcp:127.0.0.1:0"))
                    .isInstanceOf(MigrationException.Refused.class);
            assertThatThrownBy(() -> host.migration().resume("tcp:127.0.0.1:1"))
                    .isInstanceOf(MigrationException.Refused.class);
        }
    }
}
