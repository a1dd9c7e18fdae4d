// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.opaque.OpaqueGuest;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class OpaqueGuestTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @Test
    void keepsMemoryAndDevicesOfAnyGuestAndDoesNotRunIt() throws Exception {
        try (Machine source = TestMachines.boot(TestMachines.options(GuestKind.MEMORY, GuestProgram.DIRTIER));
                OpaqueGuest kept = new OpaqueGuest(source.ram().snapshot().totalBytes())) {
            RunControl sourceRun = new RunControl(source, new NoArbiter(), RunState.PRELAUNCH);
            RunControl keptRun = new RunControl(kept, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator out = new Migrator(source, sourceRun);
                    Migrator in = new Migrator(kept, keptRun)) {
                sourceRun.cont();
                in.migrateIncoming("tcp:127.0.0.1:0");
                out.migrate(in.statistics().listenAddress().orElseThrow());
                assertThat(out.awaitEnd(PATIENCE) && in.awaitEnd(PATIENCE)).isTrue();

                assertThat(out.statistics().error()).isEmpty();
                assertThat(in.statistics().error()).isEmpty();
                assertThat(in.statistics().owner()).contains(GuestOwner.HERE);
                assertThat(keptRun.state()).isEqualTo(RunState.PAUSED);
                assertThat(kept.machineType()).isEqualTo(source.machineType());
                assertThat(kept.identity()).isEqualTo(source.identity());
                NativeMemory theirs =
                        source.ram().snapshot().blocks().getFirst().memory();
                NativeMemory ours = kept.ram().snapshot().blocks().getFirst().memory();
                assertThat(NativeMemory.mismatch(theirs, 0, ours, 0, theirs.byteLength()))
                        .isNegative();
                assertThat(kept.deviceSections())
                        .extracting(DeviceSection::idstr)
                        .startsWith(source.devices().getFirst().idstr())
                        .endsWith("globalstate");
                assertThatThrownBy(keptRun::cont)
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining("no vCPUs");
                assertThatThrownBy(() -> in.migrate("tcp:127.0.0.1:1"))
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining("cannot send them on");
            }
            sourceRun.shutdown();
        }
    }

    @Test
    void aGuestBeyondTheLimitIsRefusedAndNothingIsMappedForIt() throws Exception {
        try (Machine source = TestMachines.boot(TestMachines.options(GuestKind.MEMORY, GuestProgram.IDLE));
                OpaqueGuest kept = new OpaqueGuest(1 << 20)) {
            RunControl sourceRun = new RunControl(source, new NoArbiter(), RunState.PRELAUNCH);
            RunControl keptRun = new RunControl(kept, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator out = new Migrator(source, sourceRun);
                    Migrator in = new Migrator(kept, keptRun)) {
                sourceRun.cont();
                in.migrateIncoming("tcp:127.0.0.1:0");
                out.migrate(in.statistics().listenAddress().orElseThrow());
                assertThat(out.awaitEnd(PATIENCE) && in.awaitEnd(PATIENCE)).isTrue();

                assertThat(in.statistics().error().orElseThrow()).contains("more than the 1048576 bytes");
                assertThat(kept.ram().snapshot().blocks()).isEmpty();
                assertThat(kept.deviceSections()).isEmpty();
                assertThat(out.statistics().status()).isEqualTo(MigrationStatus.FAILED);
                assertThat(sourceRun.state()).isEqualTo(RunState.RUNNING);
            }
            sourceRun.shutdown();
        }
    }

    @Test
    void lengthsThatTogetherExceedAnyNumberAreRefused() {
        try (OpaqueGuest kept = new OpaqueGuest(Long.MAX_VALUE)) {
            List<RamBlockEntry> blocks = List.of(
                    RamBlockEntry.of("a", Long.MAX_VALUE & ~4095L), RamBlockEntry.of("b", Long.MAX_VALUE & ~4095L));
            assertThatThrownBy(() -> kept.acceptRam(blocks))
                    .isInstanceOf(MigrationException.Protocol.class)
                    .hasMessageContaining("'b'");
        }
    }

    @Test
    void anOpaqueGuestCanArriveAndCannotStart() {
        GuestOptions options = GuestOptions.defaults().withKind(GuestKind.OPAQUE);
        assertThatThrownBy(() -> Machines.create(options))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("only arrive");
        try (Machine kept = Machines.create(options, Origin.ARRIVAL)) {
            assertThat(kept.kind()).isEqualTo(GuestKind.OPAQUE);
            assertThat(kept.guest()).isEmpty();
        }
    }

    @Test
    void aSecondGuestDoesNotFitBesideTheFirst() {
        try (OpaqueGuest kept = new OpaqueGuest(1 << 20)) {
            kept.acceptMachine("pc-q35-10.0");
            assertThatThrownBy(() -> kept.acceptMachine("none"))
                    .isInstanceOf(MigrationException.Protocol.class)
                    .hasMessageContaining("pc-q35-10.0");
        }
    }
}
