// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import tools.jackson.databind.node.ObjectNode;

/**
 * One host with its guest, as QMP sees it. All methods may be called from any thread and refuse with an exception whose
 * message is a sentence for the one who asked.
 */
public interface HostControl {
    /** What the guest is doing. */
    RunState runState();

    /** {@code stop}. */
    void stop();

    /** {@code cont}. */
    void cont();

    /** {@code quit}: asks the host to end and returns at once. */
    void quit();

    /** {@code migrate}: begins and returns at once. */
    void migrate(String uri);

    /**
     * {@code migrate-incoming}: begins to listen and returns at once.
     *
     * @param exitOnError whether the host shall end when the guest does not arrive
     */
    void migrateIncoming(String uri, boolean exitOnError);

    /** {@code migrate-start-postcopy}: asks for it and returns at once. */
    void startPostcopy();

    /** {@code migrate-pause}: cuts the connection of a migration in postcopy, on either side. */
    void pausePostcopy();

    /** {@code migrate-recover}: listens for the source of a postcopy that is paused, and returns at once. */
    void recover(String uri);

    /**
     * {@code migrate} with {@code resume}: connects again to the destination of a postcopy that is paused, and returns
     * at once.
     */
    void resume(String uri);

    /**
     * {@code migrate_cancel}; does nothing when there is nothing to cancel, and is refused once the guest runs at the
     * destination.
     */
    void cancel();

    /** {@code migrate-continue}. */
    void continueFrom(MigrationStatus status);

    /** The figures of the migration that runs or ran last. */
    MigrationStatistics statistics();

    /**
     * A session has answered a command. Waits for nobody.
     *
     * @param nanos how long that took, from the command's last byte until the answer was written
     */
    void commandTook(String name, long nanos);

    /** {@code calc-dirty-rate}: begins to measure and returns at once. */
    void calcDirtyRate(DirtyRateRequest request);

    /** The latest measurement of the dirty rate. */
    DirtyRate dirtyRate();

    /** {@code set-vcpu-dirty-limit}: of one vCPU, or of all if none is named; 0 = none. */
    void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond);

    /** {@code cancel-vcpu-dirty-limit}, likewise. */
    void cancelVcpuDirtyLimit(OptionalLong vcpu);

    /** The limits that are set. */
    List<VcpuDirtyLimit> vcpuDirtyLimits();

    /** What holds now. */
    MigrationParameters parameters();

    /** Takes effect at once, also on a running migration. */
    void setParameters(MigrationParameters parameters);

    /** The capabilities that are on. */
    Set<Capability> capabilities();

    /** Switches all of these, or none if one of them cannot be. */
    void setCapabilities(Set<Capability> on, Set<Capability> off);

    /** Tells of state changes and passes from now on. */
    void addMigrationListener(MigrationListener listener);

    /** Tells of stops and resumes from now on. */
    void addRunListener(RunControl.Listener listener);

    /** The guest's memory that comes and goes. */
    MemoryControl memory();

    /** {@code x-godwit-guest}: what the guest says of itself, with heartbeats as {@code query} asks for them. */
    ObjectNode guestFigures(HeartbeatQuery query);

    /** {@code x-godwit-ram-digest}: a digest of each RAM block as it was at the switchover. */
    ObjectNode ramDigest();

    /**
     * Which heartbeats are asked for, on the host's monotonic clock.
     *
     * @param afterNanos the first beat after this moment
     * @param fromNanos where the window for the longest gap begins
     * @param toNanos where it ends
     */
    record HeartbeatQuery(long afterNanos, long fromNanos, long toNanos) {}
}
