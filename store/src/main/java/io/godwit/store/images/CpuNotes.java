// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.care.DeviceFields;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.stream.StateField;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The registers of x86 vCPUs as notes of an ELF core, decoded by the vmdesc. */
final class CpuNotes {
    private static final int NT_PRSTATUS = 1;
    private static final int PRSTATUS_BYTES = 336;
    private static final int PID_AT = 32;
    private static final int REGISTERS_AT = 112;
    private static final String NAME = "CORE";

    /** Numbers of QEMU's array of registers in the order of the note: r15 to r8 and the others of user_regs_struct. */
    private static final int[] FIRST_REGISTERS = {15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7};

    private static final int STACK_POINTER = 4;

    private CpuNotes() {}

    /** Notes of all vCPUs whose registers can be found; empty if the vmdesc does not tell. */
    static byte[] of(Manifest manifest) {
        DeviceFields description = DeviceFields.of(manifest.vmDescription());
        ByteArrayOutputStream notes = new ByteArrayOutputStream();
        for (SavedDevice device : manifest.devices()) {
            if (device.idstr().equals("cpu")) {
                Map<String, Long> fields = read(device, description.of(device));
                if (fields.containsKey("env.regs[0]") && fields.containsKey("env.eip")) {
                    notes.writeBytes(note(device.instanceId() + 1, fields));
                }
            }
        }
        return notes.toByteArray();
    }

    /** Numbers of the fields that are needed; elements of the array of registers one by one. */
    private static Map<String, Long> read(SavedDevice cpu, List<StateField> fields) {
        Map<String, Long> found = new HashMap<>();
        ByteBuffer payload = cpu.payload().toBuffer();
        for (StateField field : fields) {
            boolean array = field.path().equals("env.regs");
            for (int i = 0; array && i < field.byteLength() / Long.BYTES; i++) {
                found.put("env.regs[" + i + "]", payload.getLong(field.offset() + i * Long.BYTES));
            }
            switch (field.byteLength()) {
                case Integer.BYTES -> found.put(field.path(), Integer.toUnsignedLong(payload.getInt(field.offset())));
                case Long.BYTES -> found.put(field.path(), payload.getLong(field.offset()));
                default -> {}
            }
        }
        return found;
    }

    private static byte[] note(int thread, Map<String, Long> fields) {
        ByteBuffer status = ByteBuffer.allocate(PRSTATUS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        status.putInt(PID_AT, thread);
        status.position(REGISTERS_AT);
        for (int register : FIRST_REGISTERS) {
            status.putLong(number(fields, "env.regs[" + register + "]"));
        }
        status.putLong(-1);
        status.putLong(number(fields, "env.eip"));
        status.putLong(segment(fields, 1, "selector"));
        status.putLong(number(fields, "env.eflags"));
        status.putLong(number(fields, "env.regs[" + STACK_POINTER + "]"));
        status.putLong(segment(fields, 2, "selector"));
        status.putLong(segment(fields, 4, "base"));
        status.putLong(segment(fields, 5, "base"));
        for (int segment : new int[] {3, 0, 4, 5}) {
            status.putLong(segment(fields, segment, "selector"));
        }
        ByteBuffer out = ByteBuffer.allocate(12 + 8 + PRSTATUS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(NAME.length() + 1).putInt(PRSTATUS_BYTES).putInt(NT_PRSTATUS);
        out.put(NAME.getBytes(StandardCharsets.US_ASCII)).position(20).put(status.array());
        return out.array();
    }

    private static long number(Map<String, Long> fields, String path) {
        return fields.getOrDefault(path, 0L);
    }

    private static long segment(Map<String, Long> fields, int index, String part) {
        return number(fields, "env.segs[" + index + "]." + part);
    }
}
