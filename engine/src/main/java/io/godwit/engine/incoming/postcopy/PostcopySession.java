// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.PostcopyPackage;
import java.util.Optional;

/**
 * What postcopy needs of the arrival that it is a part of. Called by {@code mig-incoming}, where nothing else is said.
 */
public interface PostcopySession {
    /** Where its threads run and wait. Any thread. */
    Environment environment();

    /** The bytes of this arrival. */
    SourceStream stream();

    /** The guest's devices. */
    PostcopyPackage takePackage();

    /** Loads the devices; returns whether the guest ran at the source. */
    boolean load(PostcopyPackage pack);

    /**
     * Takes the right to run and starts the guest.
     *
     * @param run whether it ran at the source
     */
    void start(boolean run);

    /** The last word to the source: the guest is here for good. */
    void confirm();

    /** All memory is here: blocks may come and go. */
    void letRamChange();

    /** Whether the source is a Godwit, which knows that every page must come. */
    boolean sourceLeavesNoHoles();

    /** What sends epochs back, if the source wants that. Any thread. */
    Optional<CheckpointTaker> safety();

    /** A new connection is there: the stream goes on with commands. */
    void reconnect(Channel channel);

    /** Waits for the first thing that a source says on a new connection. */
    void awaitFirstWord();

    /** Whether something came on the new connection that only a source says. */
    boolean hasReconnected();

    /** Agrees with the source on what is missing, so that both can go on. */
    void agree();
}
