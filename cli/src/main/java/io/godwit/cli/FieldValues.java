// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.stream.Bytes;
import io.godwit.stream.StateField;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.StringJoiner;

/** The value of a device's field as people read it. */
final class FieldValues {
    private static final int SHOWN_ELEMENTS = 8;
    private static final int SHOWN_BYTES = 16;

    private FieldValues() {}

    /** Numbers in hexadecimal, small ones in decimal too; what is no number as bytes. */
    static String shown(StateField field, Bytes payload) {
        if (field.type().equals("bool") && field.elementBytes() == 1) {
            return elements(field, payload, value -> value == 0 ? "off" : value == 1 ? "on" : Long.toString(value));
        }
        return isNumber(field) ? elements(field, payload, FieldValues::number) : bytes(field, payload);
    }

    /** WIRE: numbers are big-endian; QEMU's types for them begin with these words. */
    private static boolean isNumber(StateField field) {
        boolean named = field.type().startsWith("uint")
                || field.type().startsWith("int")
                || field.type().equals("timer");
        return named && Integer.bitCount(field.elementBytes()) == 1 && field.elementBytes() <= Long.BYTES;
    }

    private interface Shown {
        String of(long value);
    }

    private static String elements(StateField field, Bytes payload, Shown shown) {
        ByteBuffer in = payload.toBuffer().position(field.offset());
        StringJoiner line = new StringJoiner(" ");
        for (int i = 0; i < Math.min(field.elements(), SHOWN_ELEMENTS); i++) {
            line.add(shown.of(
                    switch (field.elementBytes()) {
                        case 1 -> Byte.toUnsignedLong(in.get());
                        case 2 -> Short.toUnsignedLong(in.getShort());
                        case 4 -> Integer.toUnsignedLong(in.getInt());
                        default -> in.getLong();
                    }));
        }
        return line + (field.elements() > SHOWN_ELEMENTS ? " ..." : "");
    }

    private static String number(long value) {
        return value >= 0 && value < 10 ? Long.toString(value) : "0x" + Long.toHexString(value);
    }

    private static String bytes(StateField field, Bytes payload) {
        byte[] first = new byte[Math.min(field.byteLength(), SHOWN_BYTES)];
        ByteBuffer _ = payload.toBuffer().position(field.offset()).get(first);
        return HexFormat.ofDelimiter(" ").formatHex(first) + (field.byteLength() > SHOWN_BYTES ? " ..." : "");
    }
}
