// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DeviceStateException;
import io.godwit.engine.memory.RamBlock;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmStateBuilder;
import io.godwit.stream.VmStateReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What a DIMM has besides its memory: its name and its place. A QEMU is given both on its command line; a Godwit that
 * waits for a guest makes what is announced, so the source must tell.
 */
final class DimmState implements DeviceState {
    private static final String NAME = "dimm";
    private static final int VERSION = 1;

    /** LIMIT: QEMU's ids are short; a name of ours is at most as long as a RAM block's. */
    private static final int MAX_ID_BYTES = 255;

    /** The slots of the guest that the DIMM is in. */
    interface Slots {
        /** The DIMM of a block. */
        Optional<Dimm> dimm(RamBlock block);

        /**
         * Puts a DIMM that has arrived where it was at the source.
         *
         * @throws IllegalArgumentException if there it cannot be
         */
        void place(RamBlock block, String id, long address);
    }

    private final Slots slots;
    private final RamBlock block;

    DimmState(Slots slots, RamBlock block) {
        this.slots = slots;
        this.block = block;
    }

    @Override
    public String idstr() {
        return block.idstr() + "/" + NAME;
    }

    @Override
    public int instanceId() {
        return 0;
    }

    @Override
    public DeviceSection save() {
        Dimm dimm = slots.dimm(block).orElseThrow(() -> new IllegalStateException(block + " is not plugged in"));
        return new VmStateBuilder(NAME, VERSION)
                .u64("address", dimm.address().orElseThrow())
                .buffer("id", dimm.id().getBytes(StandardCharsets.UTF_8))
                .build(idstr(), 0);
    }

    @Override
    public void load(DeviceSection section) {
        try {
            VmStateReader state = VmStateReader.of(section);
            long address = state.u64("address");
            byte[] id = state.buffer("id");
            state.end();
            if (section.versionId() != VERSION || state.versionId() != VERSION) {
                throw refusal("version %d, this host knows %d".formatted(section.versionId(), VERSION));
            }
            if (id.length == 0 || id.length > MAX_ID_BYTES) {
                throw refusal("a name of %d bytes, 1 to %d are possible".formatted(id.length, MAX_ID_BYTES));
            }
            slots.place(block, new String(id, StandardCharsets.UTF_8), address);
        } catch (StreamFormatException | IllegalArgumentException problem) {
            throw refusal(String.valueOf(problem.getMessage()));
        }
    }

    private DeviceStateException refusal(String problem) {
        return new DeviceStateException(idstr(), 0, problem);
    }
}
