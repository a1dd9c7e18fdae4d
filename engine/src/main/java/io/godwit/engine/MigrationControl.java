// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.outcome.MigrationException;
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

/**
 * What may be asked of a {@link Migrator} by whoever controls a host. Any thread; none waits for a migration.
 */
public interface MigrationControl {
    /**
     * Starts to migrate the guest to {@code uri} and returns at once.
     *
     * @throws MigrationException.Refused if one is under way, or there is no guest here
     */
    void migrate(String uri);

    /**
     * Connects again to the destination of a postcopy that lost its connection ({@code migrate} with {@code resume});
     * source only.
     *
     * @throws MigrationException.Refused in any other state than {@code postcopy-paused}
     */
    void resume(String uri);

    /**
     * Listens for the source of a postcopy that lost its connection ({@code migrate-recover}); destination only.
     *
     * @throws MigrationException.Refused unless it is {@code postcopy-paused}, or if the address cannot be used
     */
    void recover(String uri);

    /**
     * Switches the outgoing migration to postcopy as soon as may be ({@code migrate-start-postcopy}); returns at once.
     *
     * @throws MigrationException.Refused if none runs, or {@code postcopy-ram} is off
     */
    void startPostcopy();

    /**
     * Cuts the connection of a migration in postcopy on purpose ({@code migrate-pause}); either side. The guest goes on
     * at the destination until it needs a page that is missing.
     *
     * @throws MigrationException.Refused in any other state
     */
    void pausePostcopy();

    /**
     * Cancels an outgoing migration; returns at once. Where none runs it does nothing.
     *
     * @throws MigrationException.Refused if postcopy has begun: the guest is at the destination
     */
    void cancel();

    /**
     * Goes on from {@code pre-switchover} ({@code migrate-continue}).
     *
     * @throws MigrationException.Refused in any other state
     */
    void continueFrom(MigrationStatus status);

    /**
     * The other side of COLO is lost for certain: this one goes on alone ({@code x-colo-lost-heartbeat}); returns at
     * once.
     *
     * @throws MigrationException.Refused in any other state than {@code colo}, or if it was asked for already
     */
    void failOver();

    /** A picture of the latest migration. */
    MigrationStatistics statistics();

    /**
     * A control session has answered a command, which took {@code nanos} all in all; a migration that is under way
     * counts it. Waits for nobody.
     */
    void commandTook(String name, long nanos);

    /**
     * Begins to measure how fast the guest writes to its memory, and returns at once. The tracker has one user at a
     * time: a migration that begins ends a measurement that needs it, and waits for one harvest at most.
     *
     * @throws MigrationException.Refused if one runs, the guest does not, its memory is not all there, or a migration
     * has its tracker
     */
    void calcDirtyRate(DirtyRateRequest request);

    /** A picture of the latest measurement of the dirty rate. */
    DirtyRate dirtyRate();

    /**
     * Limits what a vCPU may dirty, during migrations and outside of them ({@code set-vcpu-dirty-limit}). Ends a
     * measurement of the dirty rate that needs the guest's tracker, and waits for one harvest at most.
     *
     * @param vcpu its number; empty = all of them
     * @param mebibytesPerSecond the limit; 0 = none
     * @throws MigrationException.Refused if there is no such vCPU, the guest's memory is not all here, or a migration
     * limits them itself
     */
    void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond);

    /**
     * Takes limits away ({@code cancel-vcpu-dirty-limit}); from a vCPU without one nothing.
     *
     * @param vcpu its number; empty = all of them
     * @throws MigrationException.Refused if there is no such vCPU, or a migration limits them itself
     */
    void cancelVcpuDirtyLimit(OptionalLong vcpu);

    /** The limits that were set, in the order of the vCPUs. */
    List<VcpuDirtyLimit> vcpuDirtyLimits();

    /** The settings. */
    MigrationParameters parameters();

    /** Changes the settings, also of a migration that runs. */
    void setParameters(MigrationParameters parameters);

    /** What is switched on. Waits for nobody: a migration asks too, in the middle of a change of its state. */
    Set<Capability> capabilities();

    /** Adds one who hears of states and passes. */
    void addListener(MigrationListener listener);
}
