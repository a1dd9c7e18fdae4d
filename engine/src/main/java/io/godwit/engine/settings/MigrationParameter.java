// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.settings;

/**
 * The settings of a migration that can be changed while it runs. Names, units, ranges and defaults are QEMU's; those
 * that start with {@code x-}, and those that say so, are Godwit's own.
 */
public enum MigrationParameter {
    /** The rate in bytes a second that precopy keeps to; 0 = as fast as possible. */
    MAX_BANDWIDTH("max-bandwidth", 0, Long.MAX_VALUE, 128L << 20),
    /** The guest is stopped for the switchover when the rest is expected to take no longer than this, in ms. */
    DOWNTIME_LIMIT("downtime-limit", 0, 2_000_000, 300),
    /**
     * How long in ms the source, guest stopped and all sent, waits for the destination's answer before it asks the
     * arbiter who owns the guest.
     */
    HANDOVER_TIMEOUT("x-handover-timeout", 100, 600_000, 10_000),
    /** How long in ms connecting may take, and how long a peer may stay silent while the wire is blocked. */
    CONNECT_TIMEOUT("x-connect-timeout", 100, 600_000, 10_000),
    /**
     * The rate in bytes a second that the background push of postcopy keeps to; what was asked for is sent at once; 0 =
     * as fast as possible.
     */
    MAX_POSTCOPY_BANDWIDTH("max-postcopy-bandwidth", 0, Long.MAX_VALUE, 0),
    /** Precopy that has lasted so many ms becomes postcopy by itself, given {@code postcopy-ram}; 0 = never. */
    POSTCOPY_START_TIME("postcopy-start-time", 0, Integer.MAX_VALUE, 0),
    /** Precopy becomes postcopy by itself after so many passes, given {@code postcopy-ram}; 0 = never. */
    POSTCOPY_AFTER_PASSES("postcopy-after-passes", 0, Integer.MAX_VALUE, 0),
    /**
     * With {@code postcopy-safe}, the ms from one epoch to the next, for which the guest's outputs wait at least; the
     * source's holds.
     */
    SAFE_EPOCH("x-safe-epoch", 1, MigrationParameters.MAX_SAFE_EPOCH_MILLIS, 50),
    /** How long in ms a host that is told to end waits in postcopy until all of the guest's memory has gone over. */
    DRAIN_TIMEOUT("x-drain-timeout", 0, 86_400_000, 300_000),
    /** A guest that dirties more than so many percent of what is sent meanwhile, twice, is throttled. */
    THROTTLE_TRIGGER_THRESHOLD("throttle-trigger-threshold", 1, 100, 50),
    /** The percentage of its time that {@code auto-converge} takes from every vCPU first. */
    CPU_THROTTLE_INITIAL("cpu-throttle-initial", 1, 99, 20),
    /** How many percentage points come on top each time that this was not enough. */
    CPU_THROTTLE_INCREMENT("cpu-throttle-increment", 1, 99, 10),
    /** Whether no more comes on top than seems needed. */
    CPU_THROTTLE_TAILSLOW("cpu-throttle-tailslow", false),
    /** The highest percentage that {@code auto-converge} takes; not below {@link #CPU_THROTTLE_INITIAL}. */
    MAX_CPU_THROTTLE("max-cpu-throttle", 1, 99, 99),
    /** How often in ms {@code dirty-limit} measures vCPUs and sets them right. */
    VCPU_DIRTY_LIMIT_PERIOD("x-vcpu-dirty-limit-period", 1, 1000, 1000),
    /** What {@code dirty-limit} lets a vCPU dirty at least, in MiB a second. */
    VCPU_DIRTY_LIMIT("vcpu-dirty-limit", 1, 1L << 40, 1),
    /**
     * A pass that has lasted so many ms is synchronised in the background, and so again and again, so that throttling
     * reacts before its end; 0 = never. The name is that of the proposal of 2024; QEMU itself has no such parameter.
     */
    BACKGROUND_SYNC_INTERVAL("background-sync-interval", 0, 600_000, 5_000),
    /** The most that throttling of any kind takes from a vCPU, in percent of its time; Godwit's own. */
    MAX_GUEST_SLOWDOWN("max-guest-slowdown", 0, 99, 99),
    /** Whether a guest that can is asked for its free pages, which are left out then; Godwit's own. */
    FREE_PAGE_HINTS("x-free-page-hints", true),
    /** With {@code x-colo}, the most ms from one checkpoint to the next; the primary's holds. */
    CHECKPOINT_DELAY("x-checkpoint-delay", 0, 0xffff_ffffL, 20_000),
    /**
     * With {@code x-colo}, the least ms from one checkpoint to the next when the interval adapts to what checkpoints
     * cost; 0 = it does not adapt. Godwit's own.
     */
    CHECKPOINT_MIN_DELAY("x-checkpoint-min-delay", 0, 0xffff_ffffL, 0),
    /**
     * With {@code x-colo}, how long in ms the other side may be silent before it counts as lost; the primary's holds.
     * Godwit's own.
     */
    HEARTBEAT_TIMEOUT("x-colo-heartbeat-timeout", 50, 600_000, 1_000),
    /** With {@code x-colo}, how long in ms an answer may lack its counterpart before a checkpoint; Godwit's own. */
    COMPARE_TIMEOUT("x-colo-compare-timeout", 1, 600_000, 3_000),
    /**
     * With {@code x-colo}, whether the secondary's guest stands still and outputs wait for the next checkpoint, so that
     * nothing is compared; Godwit's own.
     */
    COLO_PERIODIC("x-colo-periodic", false),
    /**
     * With {@code x-colo}, whether a secondary keeps a second copy of RAM, so that the primary need not send what only
     * the secondary's guest has written; the secondary's holds. Godwit's own.
     */
    COLO_SECOND_COPY("x-colo-second-copy", false);

    private final String publicName;
    private final boolean isSwitch;
    private final long min;
    private final long max;
    private final long defaultValue;

    MigrationParameter(String publicName, long min, long max, long defaultValue) {
        this(publicName, false, min, max, defaultValue);
    }

    MigrationParameter(String publicName, boolean on) {
        this(publicName, true, 0, 1, on ? 1 : 0);
    }

    MigrationParameter(String publicName, boolean isSwitch, long min, long max, long defaultValue) {
        this.publicName = publicName;
        this.isSwitch = isSwitch;
        this.min = min;
        this.max = max;
        this.defaultValue = defaultValue;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }

    /** Whether it is on (1) or off (0), and no number. */
    public boolean isSwitch() {
        return isSwitch;
    }

    /** What holds until somebody changes it. */
    public long defaultValue() {
        return defaultValue;
    }

    /** Whether a value is in the range. */
    public boolean isAllowed(long value) {
        return value >= min && value <= max;
    }

    /**
     * Checks a value.
     *
     * @throws IllegalArgumentException with the range
     */
    void check(long value) {
        if (!isAllowed(value)) {
            throw new IllegalArgumentException(publicName + " = " + value + ": must be from " + min + " to " + max);
        }
    }
}
