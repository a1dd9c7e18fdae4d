// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.ArrayList;
import java.util.List;

/** Writes down what a reader of the return path reports; every request becomes one that names its block. */
final class ReturnPathRecording implements ReturnPathListener {
    static final List<RamBlockEntry> BLOCKS = List.of(
            RamBlockEntry.of("pc.ram", 0x1000000),
            RamBlockEntry.of("/rom@etc/acpi/tables", 0x20000),
            RamBlockEntry.withPages("huge", 0x800000, 0x200000));

    final List<ReturnPathMessage> messages = new ArrayList<>();

    @Override
    public void message(ReturnPathMessage message) {
        messages.add(message);
    }

    @Override
    public void pageRequest(int blockIndex, long offset, long byteLength) {
        messages.add(new ReturnPathMessage.RequestPagesOf(BLOCKS.get(blockIndex).idstr(), offset, (int) byteLength));
    }
}
