// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import io.godwit.stream.ReturnPathMessage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Why a destination does not take the guest, in words for the source.
 *
 * <p>WIRE: ordinary PONGs that nobody has asked for. The upper byte of their value is 0xfe, the other three are ASCII
 * characters of a sentence, 0 behind its end. They are the last thing before SHUT or before the end of the connection.
 * A QEMU takes a PONG at any time and does nothing about it.
 */
public final class Reason {
    /** LIMIT: characters of a reason; what is longer is cut. */
    static final int MAX_LENGTH = 480;

    private static final int MARK = 0xfe;
    private static final int CHARACTERS = 3;

    private Reason() {}

    /** What to send. */
    public static List<ReturnPathMessage> tell(String why) {
        byte[] ascii = why.getBytes(StandardCharsets.US_ASCII);
        int length = Math.min(ascii.length, MAX_LENGTH);
        byte[] padded = Arrays.copyOf(ascii, Math.ceilDiv(length, CHARACTERS) * CHARACTERS);
        List<ReturnPathMessage> parts = new ArrayList<>();
        for (int i = 0; i < length; i += CHARACTERS) {
            parts.add(new ReturnPathMessage.Pong(MARK << 24 | padded[i] << 16 | padded[i + 1] << 8 | padded[i + 2]));
        }
        return parts;
    }

    /** Whether a PONG is a part of a reason. */
    static boolean isPart(int pong) {
        return pong >>> 24 == MARK;
    }

    /** The reason so far with one more part of it. What is no printable character is left out. */
    static String append(String before, int part) {
        StringBuilder text = new StringBuilder(before);
        for (int shift = 16; shift >= 0; shift -= 8) {
            int character = part >>> shift & 0xff;
            if (character >= ' ' && character < 0x7f && text.length() < MAX_LENGTH) {
                text.append((char) character);
            }
        }
        return text.toString();
    }
}
