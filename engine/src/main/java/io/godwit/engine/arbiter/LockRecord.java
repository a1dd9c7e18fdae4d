// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What a lock file says, in lines: the host that ran the guest last, the number of the last claim, and the protection
 * if there was one. It is padded with zeros to its full length, so that each write replaces it in one piece. Files of
 * older versions have the first line only.
 */
record LockRecord(LastRun lastRun, long fencingNumber) {
    static final int BYTES = 256;

    private static final String FENCING = "fencing ";
    private static final String PROTECTION = "protection ";

    byte[] bytes() {
        String text = lastRun.host() + "\n" + FENCING + fencingNumber + "\n"
                + lastRun.protection().map(id -> PROTECTION + id + "\n").orElse("");
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        if (encoded.length > BYTES) {
            throw new IllegalArgumentException(
                    "a record of %d bytes is longer than %d".formatted(encoded.length, BYTES));
        }
        return Arrays.copyOf(encoded, BYTES);
    }

    /** Reads what {@link #bytes} made, or nothing at all; throws IllegalArgumentException for anything else. */
    static LockRecord of(byte[] content) {
        List<String> lines = new String(content, StandardCharsets.UTF_8)
                .replace("\0", "")
                .lines()
                .toList();
        long fencingNumber = 0;
        Optional<UUID> protection = Optional.empty();
        for (String line : lines.subList(Math.min(1, lines.size()), lines.size())) {
            if (line.startsWith(FENCING)) {
                fencingNumber = Long.parseLong(line.substring(FENCING.length()));
            } else if (line.startsWith(PROTECTION)) {
                protection = Optional.of(UUID.fromString(line.substring(PROTECTION.length())));
            } else {
                throw new IllegalArgumentException("it has a line '" + line + "'");
            }
        }
        return new LockRecord(
                new LastRun(lines.isEmpty() ? "" : lines.getFirst().trim(), protection), fencingNumber);
    }
}
