// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Sizes as people write them: {@code 4096}, {@code 512M}, {@code 1G}; and back. The units are powers of 1024. */
final class ByteSize implements ITypeConverter<Long> {
    private static final String UNITS = "KMGT";

    @Override
    public Long convert(String text) {
        return parse(text);
    }

    /** Bytes of a size. */
    static long parse(String text) {
        String digits = text;
        int shift = 0;
        if (!text.isEmpty()) {
            int unit = UNITS.indexOf(Character.toUpperCase(text.charAt(text.length() - 1)));
            if (unit >= 0) {
                shift = 10 * (unit + 1);
                digits = text.substring(0, text.length() - 1);
            }
        }
        try {
            long number = Long.parseLong(digits);
            if (number >= 0 && number <= Long.MAX_VALUE >> shift) {
                return number << shift;
            }
        } catch (NumberFormatException e) {
            // Said below, as for a number out of range.
        }
        throw new TypeConversionException("'" + text + "' is no size like 4096, 512M or 1G");
    }

    /** A size to read: {@code 512 MiB}, {@code 1.5 GiB}. */
    static String binary(long bytes) {
        return scaled(bytes, 1024, new String[] {"bytes", "KiB", "MiB", "GiB", "TiB"});
    }

    /** Bytes on a wire, or a rate without its "/s": {@code 812 MB}. */
    static String decimal(long bytes) {
        return scaled(bytes, 1000, new String[] {"bytes", "kB", "MB", "GB", "TB"});
    }

    private static String scaled(long bytes, int base, String[] units) {
        double value = bytes;
        int unit = 0;
        while (value >= base && unit < units.length - 1) {
            value /= base;
            unit++;
        }
        boolean whole = unit == 0 || value >= 100 || value == Math.rint(value);
        return String.format(Locale.ROOT, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
    }
}
