// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Reads the configuration section piece by piece: its end shows only in the byte after it. */
final class ConfigurationReader {
    private final StreamLimits limits;
    private @Nullable String machine;
    private OptionalInt targetPageBits = OptionalInt.empty();
    private final List<String> capabilities = new ArrayList<>();
    private Optional<UUID> uuid = Optional.empty();
    private int capabilitiesLeft;
    private boolean hasCapabilities;
    private boolean advanced;

    ConfigurationReader(StreamLimits limits) {
        this.limits = limits;
    }

    /** Whether the last call took something. */
    boolean hasAdvanced() {
        return advanced;
    }

    /** Takes one piece; the configuration once the byte after it is seen. */
    @Nullable
    Configuration read(ByteBuffer in, StreamPlace place) {
        int before = in.position();
        Configuration complete = machine == null ? machine(in, place) : after(machine, in, place);
        advanced = in.position() != before;
        return complete;
    }

    private @Nullable Configuration machine(ByteBuffer in, StreamPlace place) {
        int type = Byte.toUnsignedInt(in.get(in.position()));
        if (type != Wire.CONFIGURATION) {
            throw place.fail(
                    "No configuration section after the header: type", "0x7", "0x" + Integer.toHexString(type));
        }
        if (in.remaining() < 5) {
            return null;
        }
        long length = Integer.toUnsignedLong(in.getInt(in.position() + 1));
        place.requireAtMost("Length of the machine's name", limits.maxNameBytes(), length);
        if (in.remaining() < 5 + length) {
            return null;
        }
        in.position(in.position() + 5);
        machine = Wire.takeText(in, (int) length, place, "The machine's name");
        return null;
    }

    private @Nullable Configuration after(String machineName, ByteBuffer in, StreamPlace place) {
        int at = in.position();
        if (capabilitiesLeft > 0) {
            if (Wire.hasName(in, at)) {
                capabilities.add(Wire.takeName(in, place, "The capability's name"));
                capabilitiesLeft--;
            }
            return null;
        }
        if (in.get(at) != Wire.SUBSECTION) {
            return new Configuration(machineName, targetPageBits, capabilities, uuid);
        }
        if (!Wire.hasName(in, at + 1)) {
            return null;
        }
        int headerBytes = 2 + Byte.toUnsignedInt(in.get(at + 1)) + 4;
        // The longest body that is read at once is the UUID's, the shortest 4 bytes.
        if (in.remaining() < headerBytes + 4) {
            return null;
        }
        subsection(in, place);
        return null;
    }

    private void subsection(ByteBuffer in, StreamPlace place) {
        int at = in.position();
        in.position(at + 1);
        String name = Wire.takeName(in, place, "The subsection's name");
        place.require("Version of '" + name + "'", 1, in.getInt());
        switch (name) {
            case Configuration.TARGET_PAGE_BITS -> {
                requireFirst(targetPageBits.isEmpty(), name, place);
                int bits = in.getInt();
                place.require("Target page bits, of which this version knows one,", Wire.PAGE_BITS, bits);
                targetPageBits = OptionalInt.of(bits);
            }
            case Configuration.CAPABILITIES -> {
                requireFirst(!hasCapabilities, name, place);
                hasCapabilities = true;
                int count = in.getInt();
                place.requireAtMost(
                        "Count of capabilities", Configuration.MAX_CAPABILITIES, Integer.toUnsignedLong(count));
                capabilitiesLeft = count;
            }
            case Configuration.UUID -> {
                requireFirst(uuid.isEmpty(), name, place);
                if (in.remaining() < 16) {
                    in.position(at);
                    return;
                }
                uuid = Optional.of(new UUID(in.getLong(), in.getLong()));
            }
            default -> throw place.fail("Unknown subsection '" + name + "' of the configuration.");
        }
    }

    private static void requireFirst(boolean isFirst, String name, StreamPlace place) {
        if (!isFirst) {
            throw place.fail("The subsection '" + name + "' comes twice.");
        }
    }
}
