// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.StoreException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * What libvirt writes before the stream of a saved guest: 16 bytes of magic, five numbers in the order of the machine
 * that wrote them, 56 unused bytes, then the machine's XML and perhaps a cookie.
 *
 * @param dataBytes bytes of XML, cookie and padding behind the header
 */
record LibvirtHeader(long dataBytes) {
    /** Bytes of the header itself. */
    static final int BYTES = 92;

    /** LIMIT: an XML has some kilobytes. */
    private static final long MAX_DATA_BYTES = 64 << 20;

    private static final int NEWEST_VERSION = 3;

    static LibvirtHeader of(byte[] header, String name) {
        ByteBuffer in = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        if (in.getInt(16) >>> 16 != 0) {
            in.order(ByteOrder.BIG_ENDIAN);
        }
        int version = in.getInt(16);
        long dataBytes = Integer.toUnsignedLong(in.getInt(20));
        if (version < 1 || version > NEWEST_VERSION || dataBytes > MAX_DATA_BYTES) {
            throw new StoreException(name + " is a libvirt save image of version " + Integer.toUnsignedString(version)
                    + " with " + dataBytes + " bytes before its stream; versions 1 to " + NEWEST_VERSION
                    + " are known, with at most " + MAX_DATA_BYTES + ".");
        }
        return new LibvirtHeader(dataBytes);
    }

    /** The XML at the beginning of the data. */
    static String xml(byte[] data) {
        int end = 0;
        while (end < data.length && data[end] != 0) {
            end++;
        }
        return new String(data, 0, end, StandardCharsets.UTF_8);
    }
}
