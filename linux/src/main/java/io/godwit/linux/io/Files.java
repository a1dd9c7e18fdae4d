// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import java.nio.file.Path;

/** Files that a migration is written to or read from, and lock files, as {@link Descriptor}s. */
public final class Files {
    // Guest memory is in these files: nobody but the owner may read them.
    private static final int OWNER_ONLY = 0600;

    private Files() {}

    /**
     * Opens a file to write from {@code offset} on. What is before it stays, what is behind it goes; the file is
     * created if need be, for its owner only. A named pipe or a device takes offset 0 only.
     */
    public static Descriptor openForWrite(Path path, long offset) {
        int flags = LibcConstants.O_WRONLY | LibcConstants.O_CREAT | (offset == 0 ? LibcConstants.O_TRUNC : 0);
        Descriptor file = open(path, flags);
        if (offset != 0) {
            int result = Libc.ftruncate(file.number(), offset);
            if (result < 0) {
                file.close();
                throw NativeException.of("ftruncate", result, path + ", offset " + offset);
            }
            seek(file, path, offset);
        }
        return file;
    }

    /** Opens a file to read from {@code offset} on. */
    public static Descriptor openForRead(Path path, long offset) {
        Descriptor file = open(path, LibcConstants.O_RDONLY);
        if (offset != 0) {
            seek(file, path, offset);
        }
        return file;
    }

    /** Opens a file for {@link Descriptor#tryLockExclusive}; its content stays, and it is created if need be. */
    public static Descriptor openForLock(Path path) {
        return open(path, LibcConstants.O_RDWR | LibcConstants.O_CREAT);
    }

    /** The next read or write of the file is at its beginning. */
    public static void rewind(Descriptor file) {
        long result = Libc.lseek(file.number(), 0, LibcConstants.SEEK_SET);
        if (result < 0) {
            throw NativeException.of("lseek", result, "to the beginning");
        }
    }

    private static Descriptor open(Path path, int flags) {
        int number = Libc.open(path.toString(), flags | LibcConstants.O_CLOEXEC | LibcConstants.O_NONBLOCK, OWNER_ONLY);
        if (number < 0) {
            throw NativeException.of("open", number, path + ", flags 0x" + Integer.toHexString(flags));
        }
        return Descriptor.ofNonBlocking(number);
    }

    private static void seek(Descriptor file, Path path, long offset) {
        long result = Libc.lseek(file.number(), offset, LibcConstants.SEEK_SET);
        if (result < 0) {
            file.close();
            throw NativeException.of("lseek", result, path + ", offset " + offset);
        }
    }
}
