// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/** The configuration section as bytes that are kept by themselves, from its type byte to its last. */
public final class ConfigurationSection {
    private ConfigurationSection() {}

    /**
     * Reads a section that is there wholly.
     *
     * @throws StreamFormatException if it is not one
     */
    public static Configuration decode(Bytes section) {
        // The section's end shows in the byte after it.
        ByteBuffer in = ByteBuffer.allocate(section.byteLength() + 1);
        in.put(section.toBuffer()).put((byte) Wire.EOF).flip();
        StreamPlace place = StreamPlace.in("configuration");
        ConfigurationReader reader = new ConfigurationReader(StreamLimits.DEFAULT);
        Configuration read = reader.read(in, place);
        while (read == null && reader.hasAdvanced() && in.hasRemaining()) {
            read = reader.read(in, place);
        }
        if (read == null || in.remaining() != 1) {
            throw place.incomplete("the configuration section is not whole.");
        }
        return read;
    }

    /** The bytes of a section. */
    public static Bytes encode(Configuration configuration) {
        ByteBuffer out = ByteBuffer.allocate(StreamWriter.MAX_RECORD_BYTES);
        StreamWriter.configuration(out, configuration);
        return Bytes.copyOf(out, 0, out.position());
    }
}
