// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

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
 * What may be asked of a host's migrations, whoever began them. {@link Migrator} says what each does and when it is
 * refused. Any thread; none waits for a migration.
 */
public interface MigrationControl {
    /** Begins to migrate the guest to {@code uri}. */
    void migrate(String uri);

    /** Connects again to the destination of a postcopy that is paused. */
    void resume(String uri);

    /** Listens for the source of a postcopy that is paused. */
    void recover(String uri);

    /** Switches to postcopy as soon as may be. */
    void startPostcopy();

    /** Cuts the connection of a migration in postcopy on purpose. */
    void pausePostcopy();

    /** Cancels an outgoing migration. */
    void cancel();

    /** Goes on from {@code pre-switchover}. */
    void continueFrom(MigrationStatus status);

    /** The figures of the migration that runs or ran last. */
    MigrationStatistics statistics();

    /** Whoever takes commands has answered one, after {@code nanos}. */
    void commandTook(String name, long nanos);

    /** Begins to measure how fast the guest writes. */
    void calcDirtyRate(DirtyRateRequest request);

    /** The latest measurement of the dirty rate. */
    DirtyRate dirtyRate();

    /** Limits what a vCPU may dirty, or each if none is named; 0 = no limit. */
    void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond);

    /** Takes limits away. */
    void cancelVcpuDirtyLimit(OptionalLong vcpu);

    /** The limits that are set. */
    List<VcpuDirtyLimit> vcpuDirtyLimits();

    /** The settings that hold now. */
    MigrationParameters parameters();

    /** Changes the settings, also of a migration that runs. */
    void setParameters(MigrationParameters parameters);

    /** The capabilities that are on. */
    Set<Capability> capabilities();

    /** Tells of state changes and passes from now on. */
    void addListener(MigrationListener listener);
}
