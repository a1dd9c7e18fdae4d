// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import java.util.Optional;

/** How a dirty rate is measured, by QEMU's public names. */
public enum DirtyRateMode {
    /**
     * Random pages are hashed at the beginning and at the end. Costs the guest nothing, and sees whether a page
     * changed, not how often.
     */
    PAGE_SAMPLING("page-sampling"),
    /** The guest's tracker counts for each vCPU; for trackers that can tell them apart. */
    DIRTY_RING("dirty-ring"),
    /** The guest's tracker tells at the end which pages were written. */
    DIRTY_BITMAP("dirty-bitmap");

    private final String publicName;

    DirtyRateMode(String publicName) {
        this.publicName = publicName;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }

    /** Whether it needs the guest's tracker, which has one user at a time. */
    public boolean needsTracker() {
        return switch (this) {
            case PAGE_SAMPLING -> false;
            case DIRTY_RING, DIRTY_BITMAP -> true;
        };
    }

    /** Finds a mode by its public name. */
    public static Optional<DirtyRateMode> named(String publicName) {
        for (DirtyRateMode mode : values()) {
            if (mode.publicName.equals(publicName)) {
                return Optional.of(mode);
            }
        }
        return Optional.empty();
    }
}
