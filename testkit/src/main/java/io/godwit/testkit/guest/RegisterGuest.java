// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.VmStateBuilder;
import java.util.List;
import java.util.UUID;

/**
 * What guests of tests have in common: memory of which they mark what they write, and a count as their only register.
 */
public abstract class RegisterGuest implements Guest {
    private final String machineType;
    private volatile UUID identity;

    /** Its memory. */
    protected final RamBlocks blocks;

    /** Where it marks what it writes. */
    protected final MarkedPagesTracker tracker;

    /** Its register. */
    protected volatile long counter;

    /** A guest that has counted nothing. */
    protected RegisterGuest(String machineType, UUID identity, List<RamBlock> blocks) {
        this.machineType = machineType;
        this.identity = identity;
        this.blocks = new RamBlocks(blocks);
        this.tracker = new MarkedPagesTracker(this.blocks);
    }

    /** Called before its state is taken. */
    protected void beforeSave() {}

    @Override
    public final String machineType() {
        return machineType;
    }

    @Override
    public final UUID identity() {
        return identity;
    }

    @Override
    public final void assumeIdentity(UUID arriving) {
        identity = arriving;
    }

    @Override
    public final RamBlocks ram() {
        return blocks;
    }

    @Override
    public final DirtyTracker dirtyTracker() {
        return tracker;
    }

    @Override
    public final List<DeviceState> devices() {
        return List.of(new Register());
    }

    private final class Register implements DeviceState {
        @Override
        public String idstr() {
            return "register";
        }

        @Override
        public int instanceId() {
            return 0;
        }

        @Override
        public DeviceSection save() {
            beforeSave();
            return new VmStateBuilder("register", 1).u64("counter", counter).build("register", 0);
        }

        @Override
        public void load(DeviceSection section) {
            counter = section.payload().toBuffer().getLong();
        }
    }
}
