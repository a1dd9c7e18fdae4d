// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Numbers of QEMU's stream, version 3, and its counted strings. */
final class Wire {
    static final int MAGIC = 0x5145564d;
    static final int VERSION = 3;
    static final int OBSOLETE_VERSION = 2;

    static final int EOF = 0x00;
    static final int SECTION_START = 0x01;
    static final int SECTION_PART = 0x02;
    static final int SECTION_END = 0x03;
    static final int SECTION_FULL = 0x04;
    static final int SUBSECTION = 0x05;
    static final int VM_DESCRIPTION = 0x06;
    static final int CONFIGURATION = 0x07;
    static final int COMMAND = 0x08;
    static final int SECTION_FOOTER = 0x7e;

    static final int PAGE_BITS = 12;
    static final int PAGE_BYTES = 1 << PAGE_BITS;
    static final int FLAG_MASK = PAGE_BYTES - 1;

    /** The largest id of a command. */
    static final int LAST_COMMAND = 11;

    static final int RAM_FULL = 0x01;
    static final int RAM_ZERO = 0x02;
    static final int RAM_MEM_SIZE = 0x04;
    static final int RAM_PAGE = 0x08;
    static final int RAM_EOS = 0x10;
    static final int RAM_CONTINUE = 0x20;
    static final int RAM_XBZRLE = 0x40;
    static final int RAM_HOOK = 0x80;
    static final int RAM_COMPRESS_PAGE = 0x100;
    static final int RAM_MULTIFD_FLUSH = 0x200;

    static final String RAM_IDSTR = "ram";
    static final int RAM_VERSION = 4;

    static final int NAME_BYTES = 255;

    private Wire() {}

    /** Bytes of {@code name} as the stream carries it. */
    static byte[] nameBytes(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (bytes.length == 0 || bytes.length > NAME_BYTES) {
            throw new IllegalArgumentException(
                    "The name '" + name + "' has " + bytes.length + " bytes; the stream carries 1 to 255.");
        }
        return bytes;
    }

    /** Puts a name behind its length byte. */
    static void putName(ByteBuffer out, String name) {
        byte[] bytes = nameBytes(name);
        out.put((byte) bytes.length).put(bytes);
    }

    /** Whether a name with its length byte is there wholly, from {@code index} on. */
    static boolean hasName(ByteBuffer in, int index) {
        return index < in.limit() && index + 1 + Byte.toUnsignedInt(in.get(index)) <= in.limit();
    }

    /** Takes a name with its length byte; the caller has checked that it is there. Printable ASCII only. */
    static String takeName(ByteBuffer in, StreamPlace place, String what) {
        if (!in.hasRemaining()) {
            throw place.fail(what + " is missing.");
        }
        int length = Byte.toUnsignedInt(in.get());
        if (length > in.remaining()) {
            throw place.fail(what + " is longer than its record", "at most " + in.remaining(), length);
        }
        return takeText(in, length, place, what);
    }

    /** Takes {@code length} bytes of printable ASCII, so that names can be shown in messages as they are. */
    static String takeText(ByteBuffer in, int length, StreamPlace place, String what) {
        if (length == 0) {
            throw place.fail(what + " is empty.");
        }
        byte[] bytes = new byte[length];
        in.get(bytes);
        for (byte b : bytes) {
            if (b < 0x20 || b == 0x7f) {
                throw place.fail(
                        what + " has the byte 0x" + Integer.toHexString(b & 0xff) + ", which is not printable ASCII.");
            }
        }
        return new String(bytes, StandardCharsets.US_ASCII);
    }
}
