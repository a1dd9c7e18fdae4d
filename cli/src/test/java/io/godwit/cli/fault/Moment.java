// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** When something happens to a migration, in bytes of its stream. */
sealed interface Moment {
    /** While the guest runs at the source: after this many bytes of all. */
    record Pass(long afterBytes) implements Moment {}

    /** In the handover: after this many bytes since the guest was stopped. */
    record Handover(long afterBytes) implements Moment {}

    /** When the destination runs the guest and says so; whether the source hears it. */
    record Verdict(boolean heard) implements Moment {}

    /**
     * So many moments, of all sorts.
     *
     * @param passBytes what is sent while the guest runs
     * @param handoverBytes what is sent, about, while it stands still
     */
    static List<Moment> draw(SplittableRandom random, int count, long passBytes, long handoverBytes) {
        List<Moment> moments = new ArrayList<>(
                List.of(new Verdict(false), new Verdict(true), new Handover(0), new Pass(random.nextLong(200))));
        while (moments.size() < count) {
            moments.add(
                    moments.size() % 2 == 0
                            ? new Handover(random.nextLong(handoverBytes))
                            : new Pass(random.nextLong(passBytes)));
        }
        return moments;
    }
}
