// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/** A picture of a few colours as a PNG file: ISO/IEC 15948, colour type 3, 8 bits a pixel, no filter. */
final class Png {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    private Png() {}

    /**
     * Encodes it.
     *
     * @param rows from the top down, a byte for each pixel: the number of its colour
     * @param palette colours as 0xRRGGBB
     */
    static byte[] encode(int width, List<byte[]> rows, int[] palette) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(SIGNATURE);
        ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(Math.max(1, rows.size()));
        chunk(out, "IHDR", header.put((byte) 8).put((byte) 3).put(new byte[3]).array());
        ByteBuffer colours = ByteBuffer.allocate(3 * palette.length);
        for (int colour : palette) {
            colours.put((byte) (colour >>> 16)).put((byte) (colour >>> 8)).put((byte) colour);
        }
        chunk(out, "PLTE", colours.array());
        chunk(out, "IDAT", deflated(width, rows));
        chunk(out, "IEND", new byte[0]);
        return out.toByteArray();
    }

    private static byte[] deflated(int width, List<byte[]> rows) {
        ByteArrayOutputStream plain = new ByteArrayOutputStream();
        for (byte[] row : rows.isEmpty() ? List.of(new byte[width]) : rows) {
            plain.write(0);
            plain.writeBytes(row);
        }
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (Deflater deflater = new Deflater()) {
            deflater.setInput(plain.toByteArray());
            deflater.finish();
            byte[] part = new byte[8192];
            while (!deflater.finished()) {
                packed.write(part, 0, deflater.deflate(part));
            }
        }
        return packed.toByteArray();
    }

    private static void chunk(ByteArrayOutputStream out, String type, byte[] content) {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(name);
        crc.update(content);
        out.writeBytes(ByteBuffer.allocate(4).putInt(content.length).array());
        out.writeBytes(name);
        out.writeBytes(content);
        out.writeBytes(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
    }
}
