// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.engine.MigrationControl;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.settings.Capability;
import java.util.Optional;
import java.util.Set;

/**
 * One host with its guest, as who controls it from outside sees it. All methods may be called from any thread and
 * refuse with an exception whose message is a sentence for the one who asked.
 */
public interface HostControl {
    /** What the guest is doing. */
    RunState runState();

    /** Why the guest stands still although nobody stopped it, as a sentence; empty if it does not. */
    Optional<String> whyStill();

    /** The guest stands still from now on. */
    void stop();

    /** The guest runs from now on. */
    void cont();

    /** Asks the host to end and returns at once. Nothing holds it up: look at {@link #lossAtEnd} first. */
    void quit();

    /**
     * What would be lost if the host ended now, and what to do; empty if nothing. In postcopy the guest needs both
     * sides until its memory is whole.
     */
    Optional<String> lossAtEnd();

    /**
     * Begins to listen for a guest and returns at once.
     *
     * @param exitOnError whether the host shall end when the guest does not arrive
     */
    void migrateIncoming(String uri, boolean exitOnError);

    /** Switches all of these, or none if one of them cannot be. */
    void setCapabilities(Set<Capability> on, Set<Capability> off);

    /** All else about migrations. */
    MigrationControl migration();

    /** What {@code fd:} may name. */
    PassedDescriptors descriptors();

    /** The guest's memory that comes and goes. */
    MemoryControl memory();

    /** What the guest says of itself, with heartbeats as {@code query} asks for them. */
    GuestFigures guestFigures(GuestFigures.HeartbeatQuery query);

    /** A digest of each RAM block as it was at the switchover. */
    PageDigests ramDigest();

    /** Tells of stops and resumes from now on. */
    void addRunListener(RunControl.Listener listener);
}
