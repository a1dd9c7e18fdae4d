// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.settings;

import static io.godwit.engine.settings.MigrationParameter.CPU_THROTTLE_INITIAL;
import static io.godwit.engine.settings.MigrationParameter.MAX_CPU_THROTTLE;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * A value for each {@link MigrationParameter}, each within its range. Immutable; those of a running migration are
 * replaced as a whole.
 */
public final class MigrationParameters {
    /** The longest {@code x-safe-epoch}. */
    public static final int MAX_SAFE_EPOCH_MILLIS = 60_000;

    /** What holds until somebody changes it. */
    public static final MigrationParameters DEFAULTS = defaults();

    private final Map<MigrationParameter, Long> values;

    private MigrationParameters(Map<MigrationParameter, Long> values) {
        this.values = Collections.unmodifiableMap(values);
    }

    private static MigrationParameters defaults() {
        Map<MigrationParameter, Long> values = new EnumMap<>(MigrationParameter.class);
        for (MigrationParameter parameter : MigrationParameter.values()) {
            values.put(parameter, parameter.defaultValue());
        }
        return new MigrationParameters(values);
    }

    /** The value of one. */
    public long get(MigrationParameter parameter) {
        return Objects.requireNonNull(values.get(parameter));
    }

    /** Whether a switch is on. */
    public boolean isOn(MigrationParameter parameter) {
        return get(parameter) != 0;
    }

    /** {@link #with(Map)} of one. */
    public MigrationParameters with(MigrationParameter parameter, long value) {
        return with(Map.of(parameter, value));
    }

    /**
     * The same with other values for some.
     *
     * @throws IllegalArgumentException if one is out of range, or does not go with the others
     */
    public MigrationParameters with(Map<MigrationParameter, Long> changes) {
        Map<MigrationParameter, Long> changed = new EnumMap<>(values);
        changes.forEach((parameter, value) -> {
            parameter.check(value);
            changed.put(parameter, value);
        });
        MigrationParameters next = new MigrationParameters(changed);
        if (next.get(MAX_CPU_THROTTLE) < next.get(CPU_THROTTLE_INITIAL)) {
            throw new IllegalArgumentException("max-cpu-throttle = " + next.get(MAX_CPU_THROTTLE)
                    + ": must be from cpu-throttle-initial, " + next.get(CPU_THROTTLE_INITIAL) + ", to 99");
        }
        return next;
    }

    /** {@link MigrationParameter#MAX_BANDWIDTH}. */
    public long maxBandwidthBytesPerSecond() {
        return get(MigrationParameter.MAX_BANDWIDTH);
    }

    /** {@link MigrationParameter#DOWNTIME_LIMIT}. */
    public long downtimeLimitMillis() {
        return get(MigrationParameter.DOWNTIME_LIMIT);
    }

    /** {@link MigrationParameter#HANDOVER_TIMEOUT}. */
    public long handoverTimeoutMillis() {
        return get(MigrationParameter.HANDOVER_TIMEOUT);
    }

    /** {@link MigrationParameter#CONNECT_TIMEOUT}. */
    public long connectTimeoutMillis() {
        return get(MigrationParameter.CONNECT_TIMEOUT);
    }

    /** {@link MigrationParameter#MAX_POSTCOPY_BANDWIDTH}. */
    public long maxPostcopyBandwidthBytesPerSecond() {
        return get(MigrationParameter.MAX_POSTCOPY_BANDWIDTH);
    }

    /** {@link MigrationParameter#POSTCOPY_START_TIME}. */
    public long postcopyStartTimeMillis() {
        return get(MigrationParameter.POSTCOPY_START_TIME);
    }

    /** {@link MigrationParameter#POSTCOPY_AFTER_PASSES}. */
    public long postcopyAfterPasses() {
        return get(MigrationParameter.POSTCOPY_AFTER_PASSES);
    }

    /** {@link MigrationParameter#SAFE_EPOCH}. */
    public long drainTimeoutMillis() {
        return get(MigrationParameter.DRAIN_TIMEOUT);
    }

    /** {@link MigrationParameter#SAFE_EPOCH}. */
    public long safeEpochMillis() {
        return get(MigrationParameter.SAFE_EPOCH);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MigrationParameters parameters && values.equals(parameters.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.entrySet().stream()
                .map(entry -> entry.getKey().publicName() + " = " + entry.getValue())
                .collect(Collectors.joining(", "));
    }
}
