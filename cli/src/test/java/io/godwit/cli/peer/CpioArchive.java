// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Writes an initramfs: a cpio archive in the "newc" form (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst).
 */
final class CpioArchive {
    private static final int DIRECTORY = 0040755;
    private static final int PROGRAM = 0100755;
    private static final int CHARACTER_DEVICE = 0020600;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int inode = 1;

    void directory(String path) {
        entry(path, DIRECTORY, 0, 0, new byte[0]);
    }

    void program(String path, byte[] content) {
        entry(path, PROGRAM, 0, 0, content);
    }

    void characterDevice(String path, int major, int minor) {
        entry(path, CHARACTER_DEVICE, major, minor, new byte[0]);
    }

    /** The whole archive, its end marker included. Nothing may be added afterwards. */
    byte[] finish() {
        entry("TRAILER!!!", 0, 0, 0, new byte[0]);
        return out.toByteArray();
    }

    private void entry(String path, int mode, int deviceMajor, int deviceMinor, byte[] content) {
        byte[] name = (path + "\0").getBytes(StandardCharsets.US_ASCII);
        // inode, mode, uid, gid, links, mtime, size, device of the archive (2), device of the node (2), name length,
        // checksum
        int[] fields = {inode++, mode, 0, 0, 1, 0, content.length, 0, 0, deviceMajor, deviceMinor, name.length, 0};
        StringBuilder header = new StringBuilder("070701");
        for (int field : fields) {
            header.append(String.format(Locale.ROOT, "%08X", field));
        }
        out.writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(name);
        pad();
        out.writeBytes(content);
        pad();
    }

    private void pad() {
        while (out.size() % 4 != 0) {
            out.write(0);
        }
    }
}
