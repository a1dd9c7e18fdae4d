// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.stream.Bytes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * What a {@link CheckpointTaker} says, but for pages, which {@link CheckpointReader} hands over one by one. An epoch is
 * {@link Begin}, pages, {@link Devices}, {@link End}; an epoch without its end does not count.
 */
sealed interface CheckpointRecord {
    /** Room for any record but {@link Devices}. */
    int MAX_BYTES = 512;

    /**
     * A RAM block, before the first epoch of a connection, each once. Pages name it by {@code index}, which counts from
     * 0.
     *
     * @param usedLength in bytes
     */
    record Block(int index, String idstr, long usedLength) implements CheckpointRecord {
        @Override
        public void encode(ByteBuffer out) {
            byte[] name = idstr.getBytes(StandardCharsets.UTF_8);
            out.put((byte) CheckpointWire.BLOCK)
                    .putShort((short) index)
                    .put((byte) name.length)
                    .put(name)
                    .putLong(usedLength);
        }
    }

    /**
     * An epoch begins.
     *
     * @param epoch its number, above that of every one before it
     * @param runNanos how long the guest had run at the taker when the epoch was taken
     */
    record Begin(long epoch, long runNanos) implements CheckpointRecord {
        @Override
        public void encode(ByteBuffer out) {
            out.put((byte) CheckpointWire.BEGIN).putLong(epoch).putLong(runNanos);
        }
    }

    /** The devices' state: FULL sections, end mark and vmdesc as at the end of a migration stream. */
    record Devices(Bytes tail) implements CheckpointRecord {
        /** Type and length. */
        static final int HEAD_BYTES = 5;

        @Override
        public void encode(ByteBuffer out) {
            out.put((byte) CheckpointWire.DEVICES).putInt(tail.byteLength()).put(tail.toBuffer());
        }
    }

    /**
     * The epoch is whole.
     *
     * @param pageCount how many pages it had
     * @param checksum CRC-32C of everything from the type byte of {@link Begin} to the byte before this record
     */
    record End(long epoch, long pageCount, int checksum) implements CheckpointRecord {
        @Override
        public void encode(ByteBuffer out) {
            out.put((byte) CheckpointWire.END).putLong(epoch).putLong(pageCount).putInt(checksum);
        }
    }

    /**
     * The taker needs its keeper no longer, since all memory is there, or can keep up its promise no longer: the keeper
     * must not restore any more.
     */
    record SafetyEnd(long epoch) implements CheckpointRecord {
        @Override
        public void encode(ByteBuffer out) {
            out.put((byte) CheckpointWire.SAFETY_END).putLong(epoch);
        }
    }

    /** Puts the record. */
    void encode(ByteBuffer out);
}
