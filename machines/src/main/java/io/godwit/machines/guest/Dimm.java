// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.memory.RamBlock;
import java.util.OptionalLong;

/**
 * Memory that was plugged into a guest.
 *
 * @param id the device's name, for who takes it away
 * @param block its memory, whose name is the memory backend's
 * @param slot 0 to {@link PluggedRam#MAX_DIMMS} - 1; differs from those of the others
 * @param address where the guest finds it, guest-physical; empty while the guest arrives and its devices have not come
 */
public record Dimm(String id, RamBlock block, int slot, OptionalLong address) {
    Dimm at(String otherId, long guestAddress) {
        return new Dimm(otherId, block, slot, OptionalLong.of(guestAddress));
    }
}
