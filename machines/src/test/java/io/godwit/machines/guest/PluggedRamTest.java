// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** DIMMs between the guest's hardware and its list of blocks: to who holds the list they are in both, or in neither. */
class PluggedRamTest {
    private static final RamBlockEntry ENTRY = RamBlockEntry.of("mem", 2 << 20);

    private final NativeMemory memory = NativeMemory.mapAnonymous(1 << 20);
    private final RamBlocks blocks = new RamBlocks(List.of(new RamBlock("ram", memory)));
    private final List<String> hardware = new ArrayList<>();
    private Runnable meanwhile = () -> {};
    private final PluggedRam plugged = new PluggedRam(
            GuestOptions.defaults().withMemoryBytes(4 << 20).withPluggableBytes(8 << 20),
            Origin.BOOT,
            blocks,
            new Slots());

    private final class Slots implements PluggedRam.Hardware {
        @Override
        public void insert(Dimm dimm) {
            hardware.add(dimm.id());
            meanwhile.run();
        }

        @Override
        public void remove(Dimm dimm) {
            meanwhile.run();
            hardware.remove(dimm.id());
        }
    }

    @AfterEach
    void close() {
        plugged.close();
        memory.close();
    }

    private void assertNowhere() {
        assertThat(blocks.snapshot().blocks()).hasSize(1);
        assertThat(plugged.dimms()).isEmpty();
        assertThat(plugged.devices()).isEmpty();
    }

    @Test
    void aMigrationThatHoldsTheListWhileMemoryIsBeingMadeNeverSeesIt() {
        List<RamBlocks.Hold> holds = new ArrayList<>();
        meanwhile = () -> {
            holds.add(blocks.hold("Because."));
            assertNowhere();
            meanwhile = () -> {};
        };
        assertThatThrownBy(() -> plugged.plug(ENTRY, RamBlocks.Gate.OPEN))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessage("Because.");
        assertNowhere();
        assertThat(hardware).isEmpty();
        holds.getFirst().close();
        assertThat(plugged.plug(ENTRY, RamBlocks.Gate.OPEN).idstr()).isEqualTo("mem");
        assertThat(plugged.devices()).hasSize(1);
        assertThat(hardware).containsExactly("mem");
    }

    @Test
    void aGuestThatLeavesWhileMemoryIsBeingMadeLeavesWithoutIt() {
        boolean[] away = new boolean[1];
        meanwhile = () -> away[0] = true;
        RamBlocks.Gate here = () -> {
            if (away[0]) {
                throw new MigrationException.Refused("Away.");
            }
        };
        assertThatThrownBy(() -> plugged.plug(ENTRY, here)).hasMessage("Away.");
        assertNowhere();
        assertThat(hardware).isEmpty();
    }

    /** At no moment does the list have a block whose place no device tells. */
    @Test
    void inTheListAndAmongTheDevicesItIsAtTheSameMoment() {
        List<Integer> devicesAtGate = new ArrayList<>();
        RamBlock block =
                plugged.plug(ENTRY, () -> devicesAtGate.add(plugged.devices().size()));
        assertThat(devicesAtGate).as("before it is in the list").containsExactly(0);
        assertThat(plugged.devices()).hasSize(1);
        meanwhile = this::assertNowhere;
        plugged.unplug(block, RamBlocks.Gate.OPEN);
        assertThat(hardware).isEmpty();
        assertThat(block.memory().isOpen()).isFalse();
    }

    @Test
    void anUnplugThatComesTooLateChangesNothing() {
        RamBlock block = plugged.plug(ENTRY, RamBlocks.Gate.OPEN);
        assertThatThrownBy(() -> plugged.unplug(block, () -> {
                    throw new MigrationException.Refused("Away.");
                }))
                .hasMessage("Away.");
        assertThat(plugged.dimms()).hasSize(1);
        assertThat(hardware).containsExactly("mem");
        assertThat(block.memory().isOpen()).isTrue();
    }
}
