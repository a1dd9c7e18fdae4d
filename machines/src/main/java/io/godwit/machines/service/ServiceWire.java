// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import io.godwit.machines.programs.ServiceLayout;
import io.godwit.machines.programs.ServicePort;
import java.nio.ByteBuffer;

/**
 * What goes between a client and the door: records of fixed length, numbers big-endian. The door says {@link #greeting}
 * first; then the client sends requests, and the door answers, to each request once, in their order.
 *
 * <p>What the guest sees of a request, and what it puts out, is the <i>content</i>: the words of {@link ServicePort}.
 */
public final class ServiceWire {
    /** "GODWSVC1". */
    public static final long MAGIC = 0x474f_4457_5356_4331L;

    /** Magic (8), whether the guest is here (4: 0 or 1), how many clients it knows (4). */
    public static final int GREETING_BYTES = 16;

    /** A request is its content. */
    public static final int REQUEST_BYTES = ServicePort.REQUEST_WORDS * Long.BYTES;

    /** What the guest puts out. */
    public static final int CONTENT_BYTES = ServicePort.ANSWER_WORDS * Long.BYTES;

    /** The fencing number of the host's right to run (8), then the content. */
    public static final int ANSWER_BYTES = Long.BYTES + CONTENT_BYTES;

    private ServiceWire() {}

    static ByteBuffer greeting(boolean here) {
        return ByteBuffer.allocate(GREETING_BYTES)
                .putLong(MAGIC)
                .putInt(here ? 1 : 0)
                .putInt(ServiceLayout.CLIENTS)
                .flip();
    }

    static byte[] content(long[] words) {
        ByteBuffer bytes = ByteBuffer.allocate(words.length * Long.BYTES);
        for (long word : words) {
            bytes.putLong(word);
        }
        return bytes.array();
    }

    static void words(byte[] content, long[] words) {
        ByteBuffer bytes = ByteBuffer.wrap(content);
        for (int i = 0; i < words.length; i++) {
            words[i] = bytes.getLong();
        }
    }

    /**
     * Says whether a guest may be given this.
     *
     * @throws IllegalArgumentException if it is no request
     */
    static void checkRequest(byte[] content) {
        if (content.length != REQUEST_BYTES) {
            throw new IllegalArgumentException(
                    "a request has %d bytes, not %d".formatted(REQUEST_BYTES, content.length));
        }
        ByteBuffer words = ByteBuffer.wrap(content);
        long client = words.getLong();
        long number = words.getLong();
        long operation = words.getLong();
        long value = words.getLong(4 * Long.BYTES);
        if (client < 0 || client >= ServiceLayout.CLIENTS) {
            throw new IllegalArgumentException(
                    "clients have numbers from 0 to %d, not %d".formatted(ServiceLayout.CLIENTS - 1, client));
        }
        if (number < 0 || operation < ServiceLayout.READ || operation > ServiceLayout.CLOCK) {
            throw new IllegalArgumentException("request %d of client %d: operation %d is unknown or the number negative"
                    .formatted(number, client, operation));
        }
        if (operation == ServiceLayout.TOUCH && (value < 0 || value > ServiceLayout.MAX_TOUCHED_PAGES)) {
            throw new IllegalArgumentException(
                    "a request touches 0 to %d pages, not %d".formatted(ServiceLayout.MAX_TOUCHED_PAGES, value));
        }
    }
}
