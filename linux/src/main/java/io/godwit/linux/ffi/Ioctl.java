// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import java.lang.foreign.MemoryLayout;

/**
 * Numbers of ioctl requests, built from their parts as {@code asm-generic/ioctl.h} does: direction, size of the
 * argument, type and number. The size comes from our own layout, so that a wrong layout cannot hide behind a right
 * number.
 */
public final class Ioctl {
    private static final int NUMBER_BITS = 8;
    private static final int TYPE_BITS = 8;
    private static final int SIZE_BITS = 14;
    private static final int TYPE_SHIFT = NUMBER_BITS;
    private static final int SIZE_SHIFT = TYPE_SHIFT + TYPE_BITS;
    private static final int DIRECTION_SHIFT = SIZE_SHIFT + SIZE_BITS;

    private static final long NONE = 0;
    private static final long WRITE = 1;
    private static final long READ = 2;

    private Ioctl() {}

    /** {@code _IO}: no argument, or one that is a plain number. */
    public static long none(int type, int number) {
        return request(NONE, type, number, 0);
    }

    /** {@code _IOR}: the kernel fills the argument. */
    public static long read(int type, int number, MemoryLayout argument) {
        return request(READ, type, number, argument.byteSize());
    }

    /** {@code _IOW}: the kernel reads the argument. */
    public static long write(int type, int number, MemoryLayout argument) {
        return request(WRITE, type, number, argument.byteSize());
    }

    /** {@code _IOWR}: the kernel reads the argument and writes to it. */
    public static long readWrite(int type, int number, MemoryLayout argument) {
        return request(READ | WRITE, type, number, argument.byteSize());
    }

    /**
     * {@code computed}, if it is the number the kernel publishes.
     *
     * @throws ExceptionInInitializerError the layout's size and the published number do not fit together
     */
    public static long checked(String name, long published, long computed) {
        if (published != computed) {
            throw new ExceptionInInitializerError(
                    "%s: the kernel's number is 0x%x, but our layout gives 0x%x (argument of %d bytes)"
                            .formatted(name, published, computed, computed >> SIZE_SHIFT & (1 << SIZE_BITS) - 1));
        }
        return computed;
    }

    private static long request(long direction, int type, int number, long byteSize) {
        if (byteSize >= 1 << SIZE_BITS) {
            throw new IllegalArgumentException("an ioctl argument has less than 16384 bytes, not " + byteSize);
        }
        return direction << DIRECTION_SHIFT | byteSize << SIZE_SHIFT | (long) type << TYPE_SHIFT | number;
    }
}
