// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.machines.CuttingWire.Cut;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Finds commands and the end in a forward stream, byte by byte and by no code of the product, so that both cannot be
 * wrong together.
 */
final class ForwardWatch {
    private static final int PAGE_BYTES = 4096;
    private static final int PAGE = 0x08;
    private static final int ZERO = 0x02;
    private static final int MEM_SIZE = 0x04;
    private static final int END_OF_SECTION = 0x10;
    private static final int CONTINUE = 0x20;
    private static final int PACKAGED = 7;

    private final Cut cut;
    private final byte[] kept = new byte[64 << 10];
    private int keptBytes;
    private long skip;
    private int seen;
    private boolean inRam;
    private boolean headerDue;
    private long strikeAt = Long.MAX_VALUE;
    private long position;

    ForwardWatch(Cut cut, boolean resumed) {
        this.cut = cut;
        this.headerDue = !resumed;
    }

    /** How many of these {@code n} bytes still pass. */
    int keep(byte[] chunk, int n) {
        long start = position + keptBytes;
        int at = 0;
        while (at < n) {
            if (skip > 0 && keptBytes == 0) {
                int now = (int) Math.min(skip, n - at);
                skip -= now;
                position += now;
                at += now;
            } else {
                kept[keptBytes++] = chunk[at++];
                int length = recordBytes();
                if (length >= 0) {
                    skip += length - keptBytes;
                    position += keptBytes;
                    keptBytes = 0;
                }
            }
        }
        return (int) Math.max(0, Math.min(n, strikeAt - start));
    }

    /**
     * Length of the record that begins {@code kept}, or -1 while that is not known. Bytes beyond what is kept are
     * skipped.
     */
    private int recordBytes() {
        ByteBuffer in = ByteBuffer.wrap(kept, 0, keptBytes);
        if (headerDue) {
            return configurationBytes(in);
        }
        return inRam ? ramRecordBytes(in) : sectionBytes(in);
    }

    /**
     * Header, configuration with its subsections: read until the first command, whose first byte and number follow a
     * known end.
     */
    private int configurationBytes(ByteBuffer in) {
        // WIRE: 8 bytes of header, 07, u32 length, machine name; then subsections, of which each begins with 05.
        if (keptBytes < 13 || keptBytes < 13 + in.getInt(9) + 1) {
            return -1;
        }
        int at = 13 + in.getInt(9);
        while (in.get(at) == 5) {
            // WIRE: 05, name with its length byte, u32 version; the body of configuration/uuid is 16 bytes.
            if (keptBytes < at + 2) {
                return -1;
            }
            int nameBytes = Byte.toUnsignedInt(in.get(at + 1));
            String name = new String(kept, at + 2, Math.min(nameBytes, keptBytes - at - 2), StandardCharsets.US_ASCII);
            if (keptBytes <= at + 2 + nameBytes + 4 + 16) {
                return -1;
            }
            if (!name.equals("configuration/uuid")) {
                throw new IllegalStateException(
                        "a subsection of the configuration that this test does not know: " + name);
            }
            at += 2 + nameBytes + 4 + 16;
        }
        headerDue = false;
        // The byte behind the configuration is kept already, as the beginning of the next record.
        position += at;
        keptBytes = 1;
        kept[0] = kept[at];
        return -1;
    }

    private int sectionBytes(ByteBuffer in) {
        int type = in.get(0);
        return switch (type) {
            case 8 -> commandBytes(in);
            // WIRE: START has id, name, instance, version; PART and END an id.
            case 1 -> begins(keptBytes < 6 ? -1 : 6 + Byte.toUnsignedInt(in.get(5)) + 8);
            case 2, 3 -> begins(5);
            case 0 -> {
                if (cut instanceof Cut.AtEndOfStream(int later)) {
                    strikeAt = position + later;
                }
                // What follows in precopy is of no interest here.
                yield Integer.MAX_VALUE;
            }
            case 4 -> Integer.MAX_VALUE;
            case 0x7e -> 5;
            default -> throw new IllegalStateException("byte 0x%x at %d begins no section".formatted(type, position));
        };
    }

    private int begins(int length) {
        if (length < 0 || keptBytes < length) {
            return -1;
        }
        inRam = true;
        return length;
    }

    private int commandBytes(ByteBuffer in) {
        if (keptBytes < 5) {
            return -1;
        }
        int id = in.getShort(1);
        int length = in.getShort(3);
        if (id == PACKAGED && keptBytes < 9) {
            return -1;
        }
        if (cut instanceof Cut.AtCommand(int wanted, int count, int later) && wanted == id && ++seen == count) {
            strikeAt = position + later;
        }
        return 5 + length + (id == PACKAGED ? in.getInt(5) : 0);
    }

    private int ramRecordBytes(ByteBuffer in) {
        if (keptBytes < 8) {
            return -1;
        }
        long head = in.getLong(0);
        if ((head & END_OF_SECTION) != 0) {
            inRam = false;
            return 8;
        }
        if ((head & MEM_SIZE) != 0) {
            return blockListBytes(in, head & -PAGE_BYTES);
        }
        int name = 0;
        if ((head & CONTINUE) == 0) {
            if (keptBytes < 9) {
                return -1;
            }
            name = 1 + Byte.toUnsignedInt(in.get(8));
        }
        int content = (head & PAGE) != 0 ? PAGE_BYTES : 1;
        if ((head & (PAGE | ZERO)) == 0) {
            throw new IllegalStateException("RAM record 0x%x at %d".formatted(head, position));
        }
        return 8 + name + content;
    }

    private int blockListBytes(ByteBuffer in, long total) {
        int at = 8;
        long found = 0;
        while (found < total) {
            if (keptBytes < at + 1 || keptBytes < at + 1 + Byte.toUnsignedInt(in.get(at)) + 8) {
                return -1;
            }
            at += 1 + Byte.toUnsignedInt(in.get(at));
            found += in.getLong(at);
            at += 8;
        }
        return at;
    }
}
