// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** All rules, applied to what one or both sides said. */
public final class Examination {
    private Examination() {}

    /** What was found, the worst first. */
    public static List<Finding> of(Side source, Optional<Side> destination) {
        Stream<Finding> alone = SourceRules.TABLE.stream().flatMap(rule -> rule.apply(source));
        Stream<Finding> more = destination.isEmpty()
                ? DiskRules.alone(source)
                : Stream.concat(
                        Stream.of(PairRules.TABLE, SettingRules.TABLE, DiskRules.TABLE)
                                .flatMap(List::stream)
                                .flatMap(rule -> rule.apply(source, destination.get())),
                        PostcopyRules.userfaultfd(destination.get()));
        return sorted(Stream.concat(alone, more).toList());
    }

    /** The worst first; among equals the order stays. */
    public static List<Finding> sorted(List<Finding> findings) {
        return findings.stream()
                .sorted(Comparator.comparing(Finding::severity).reversed())
                .toList();
    }

    /** 0 if nothing is in the way, 1 if there are risks, 2 if the migration would fail. */
    public static int exitStatus(List<Finding> findings) {
        return findings.stream()
                .mapToInt(finding -> finding.severity().exitStatus())
                .max()
                .orElse(0);
    }
}
