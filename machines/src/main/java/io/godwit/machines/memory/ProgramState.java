// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.memory;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DeviceStateException;
import io.godwit.machines.programs.ControlBlock;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmStateBuilder;
import io.godwit.stream.VmStateReader;

/**
 * One vCPU of a memory machine, as the device {@code program}. All it knows lies in guest RAM: the section proves that
 * the RAM arrived with it, and that both sides have as many vCPUs.
 */
final class ProgramState implements DeviceState {
    private static final String NAME = "program";
    private static final int VERSION = 1;

    private final int index;
    private final ControlBlock block;

    ProgramState(int index, ControlBlock block) {
        this.index = index;
        this.block = block;
    }

    @Override
    public String idstr() {
        return NAME;
    }

    @Override
    public int instanceId() {
        return index;
    }

    @Override
    public DeviceSection save() {
        return new VmStateBuilder(NAME, VERSION)
                .u64("beats", block.beats())
                .u64("work_pages", block.workPages())
                .build(NAME, index);
    }

    @Override
    public void load(DeviceSection section) {
        try {
            VmStateReader state = VmStateReader.of(section);
            long beats = state.u64("beats");
            long workPages = state.u64("work_pages");
            state.end();
            if (section.versionId() != VERSION || state.versionId() != VERSION) {
                throw refusal("version %d, this host knows %d".formatted(section.versionId(), VERSION));
            }
            if (beats != block.beats() || workPages != block.workPages()) {
                throw refusal(
                        ("it stopped at beat %d after %d pages, but the memory that came with it says beat %d after %d "
                                        + "pages")
                                .formatted(beats, workPages, block.beats(), block.workPages()));
            }
        } catch (StreamFormatException problem) {
            throw refusal(String.valueOf(problem.getMessage()));
        }
    }

    private DeviceStateException refusal(String problem) {
        return new DeviceStateException(NAME, index, problem);
    }
}
