// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.settings.MigrationParameters;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;

/** What a {@link CheckpointKeeper} says on the epochs' connection: {@link Greeting} first, then answers. */
sealed interface KeeperWord {
    /** The longest. */
    int MAX_BYTES = Greeting.BYTES;

    /** Bytes of {@link Acknowledged} and {@link SafetyOver}. */
    int ANSWER_BYTES = 9;

    /**
     * The first bytes of a connection.
     *
     * @param guest whose memory the keeper has
     * @param lastEpoch the newest epoch that it could restore; 0 is the switch itself
     * @param epochMillis the time from one epoch to the next that the keeper wants
     * @param over whether it has acknowledged the end of safety, and so restores nothing any more
     */
    record Greeting(UUID guest, long lastEpoch, int epochMillis, boolean over) implements KeeperWord {
        static final int BYTES = 4 + 2 + 1 + 16 + 8 + 4;

        @Override
        public void encode(ByteBuffer out) {
            out.putInt(CheckpointWire.MAGIC)
                    .putShort((short) CheckpointWire.VERSION)
                    .put((byte) (over ? 1 : 0))
                    .putLong(guest.getMostSignificantBits())
                    .putLong(guest.getLeastSignificantBits())
                    .putLong(lastEpoch)
                    .putInt(epochMillis);
        }

        /** Takes it from a buffer that holds at least {@link #BYTES}. */
        static Greeting decode(ByteBuffer in) {
            int magic = in.getInt();
            int version = Short.toUnsignedInt(in.getShort());
            int over = in.get();
            if (magic != CheckpointWire.MAGIC || version != CheckpointWire.VERSION || over < 0 || over > 1) {
                throw new MigrationException.Protocol(
                        ("the epochs' connection begins with magic 0x%08x, version %d, flag %d; expected 0x%08x, %d, 0 "
                                        + "or 1")
                                .formatted(magic, version, over, CheckpointWire.MAGIC, CheckpointWire.VERSION));
            }
            UUID guest = new UUID(in.getLong(), in.getLong());
            long lastEpoch = in.getLong();
            if (lastEpoch < 0) {
                throw new MigrationException.Protocol("the source claims to have epoch " + lastEpoch);
            }
            int epochMillis = in.getInt();
            if (epochMillis < 1 || epochMillis > MigrationParameters.MAX_SAFE_EPOCH_MILLIS) {
                throw new MigrationException.Protocol("the source wants an epoch every " + epochMillis + " ms; 1 to "
                        + MigrationParameters.MAX_SAFE_EPOCH_MILLIS + " are possible");
            }
            return new Greeting(guest, lastEpoch, epochMillis, over == 1);
        }
    }

    /** This epoch and all before it can be restored. */
    record Acknowledged(long epoch) implements KeeperWord {
        @Override
        public void encode(ByteBuffer out) {
            out.put((byte) CheckpointWire.ACKNOWLEDGED).putLong(epoch);
        }
    }

    /** The keeper restores nothing any more. */
    record SafetyOver(long epoch) implements KeeperWord {
        @Override
        public void encode(ByteBuffer out) {
            out.put((byte) CheckpointWire.SAFETY_OVER).putLong(epoch);
        }
    }

    /** Puts the word. */
    void encode(ByteBuffer out);

    /** Takes an answer, if it is there wholly. */
    static Optional<KeeperWord> decodeAnswer(ByteBuffer in) {
        if (in.remaining() < ANSWER_BYTES) {
            return Optional.empty();
        }
        int type = in.get();
        long epoch = in.getLong();
        return switch (type) {
            case CheckpointWire.ACKNOWLEDGED -> Optional.of(new Acknowledged(epoch));
            case CheckpointWire.SAFETY_OVER -> Optional.of(new SafetyOver(epoch));
            default ->
                throw new MigrationException.Protocol(
                        "the source answered an epoch with a word of type 0x%02x; 0x11 and 0x12 are known"
                                .formatted(type));
        };
    }
}
