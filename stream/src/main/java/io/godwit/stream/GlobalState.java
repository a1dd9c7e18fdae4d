// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The section {@code globalstate}: in which run state the source's guest was before it was stopped, and so what the
 * destination does with it.
 *
 * @param runState QEMU's name, as {@code running} or {@code paused}; at most 31 bytes
 * @param wasSuspended whether a guest that was suspended to RAM had been stopped by hand
 */
public record GlobalState(String runState, boolean wasSuspended) {
    /** The section's name. */
    public static final String IDSTR = "globalstate";

    private static final int NAME_BYTES = 32;
    private static final int UNUSED_BYTES = 66;
    private static final int BODY_BYTES = 4 + NAME_BYTES + 2 + UNUSED_BYTES;

    /** Checks the name. */
    public GlobalState {
        if (Wire.nameBytes(runState).length >= NAME_BYTES) {
            throw new IllegalArgumentException("The run state '" + runState + "' is longer than 31 bytes.");
        }
    }

    /** The section. */
    public DeviceSection toSection() {
        byte[] name = new byte[NAME_BYTES];
        byte[] text = Wire.nameBytes(runState);
        System.arraycopy(text, 0, name, 0, text.length);
        return new VmStateBuilder(IDSTR, 1)
                .u32("size", text.length + 1)
                .buffer("runstate", name)
                .u8("has_vm_was_suspended", 1)
                .u8("vm_was_suspended", wasSuspended ? 1 : 0)
                .buffer("unused", new byte[UNUSED_BYTES])
                .build(IDSTR, 0);
    }

    /**
     * What the section says.
     *
     * @throws StreamFormatException if it is not a global state of version 1
     */
    public static GlobalState decode(DeviceSection section) {
        var place = StreamPlace.in("section '" + section.idstr() + "'");
        place.require("Version", 1, section.versionId());
        place.require("Length", BODY_BYTES, section.payload().byteLength());
        ByteBuffer in = section.payload().toBuffer();
        int size = in.getInt();
        if (size < 2 || size > NAME_BYTES) {
            throw place.fail("Size of the run state", "2 to " + NAME_BYTES, Integer.toUnsignedString(size));
        }
        byte[] name = new byte[NAME_BYTES];
        in.get(name);
        int length = size - 1;
        for (int i = 0; i < NAME_BYTES; i++) {
            boolean inName = i < length;
            if (inName != (name[i] > ' ')) {
                throw place.fail("The run state's name is not " + length + " printable bytes with zeros behind.");
            }
        }
        boolean known = in.get() != 0;
        boolean suspended = in.get() != 0;
        return new GlobalState(new String(name, 0, length, StandardCharsets.US_ASCII), known && suspended);
    }
}
