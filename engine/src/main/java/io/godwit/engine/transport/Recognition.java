// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import java.nio.ByteBuffer;

/**
 * Says from its first bytes what a connection is for. What it says may change with what is known of the source; it is
 * asked again while a connection is {@link Verdict.Unclear}. Called by the {@link Doorman}'s thread.
 */
public interface Recognition {
    /** What a connection turned out to be. */
    sealed interface Verdict {
        /** More bytes are needed. */
        record Unclear() implements Verdict {}

        /** The peer's. */
        record Known(ConnectionRole role) implements Verdict {}

        /** Somebody else's. */
        record Stranger(String why) implements Verdict {}
    }

    /** LIMIT: the first {@code MAX_BYTES} bytes of a connection tell what it is for. */
    int MAX_BYTES = 512;

    /**
     * Judges a connection.
     *
     * @param first its bytes so far, one to {@link #MAX_BYTES}, big-endian; the recognition may move its position
     */
    Verdict judge(ByteBuffer first);

    /**
     * What is said to who comes too late, before the connection is closed.
     *
     * @param holder who came before
     * @return bytes that the peer of this role understands; none if it would not listen
     */
    byte[] tooLate(ConnectionRole role, String holder);

    /**
     * Whether one of the peer's connections may be open and silent for long: the preempt channel says nothing before
     * its first page.
     */
    boolean mayBeSilent();
}
