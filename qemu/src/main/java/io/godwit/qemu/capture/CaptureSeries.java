// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.store.SnapshotName;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Captures of one guest over time. Each has the moment of its beginning as the last part of its name.
 *
 * @param base the parts before that
 * @param keep how many stay, the latest; at least 1
 */
public record CaptureSeries(SnapshotName base, int keep) {
    private static final DateTimeFormatter MOMENT =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH-mm-ss'Z'").withZone(ZoneOffset.UTC);
    private static final Pattern SHAPE = Pattern.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z");

    /** Checks the number. */
    public CaptureSeries {
        if (keep < 1) {
            throw new IllegalArgumentException("A series keeps at least 1 capture, not " + keep + ".");
        }
    }

    /**
     * The name of a capture that begins then, as {@code web/2026-11-30T17-40-00Z}.
     *
     * @throws io.godwit.store.StoreException if the base has too many parts for one more
     */
    public SnapshotName at(Instant moment) {
        return new SnapshotName(base + "/" + MOMENT.format(moment));
    }

    /** Those of the series that are to go, the oldest first. Snapshots of other names are none of its. */
    public List<SnapshotName> expired(List<SnapshotName> all) {
        String prefix = base + "/";
        List<SnapshotName> ours = all.stream()
                .filter(name -> name.text().startsWith(prefix)
                        && SHAPE.matcher(name.text().substring(prefix.length())).matches())
                .sorted()
                .toList();
        return ours.subList(0, Math.max(0, ours.size() - keep));
    }
}
