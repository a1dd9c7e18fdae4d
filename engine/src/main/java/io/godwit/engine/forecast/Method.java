// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/** The ways to move a guest. */
public enum Method {
    /** Passes, and the guest as it is. */
    PRECOPY("precopy"),
    /** Passes, and ever more of its time taken from a guest that dirties too much. */
    AUTO_CONVERGE("auto-converge"),
    /** Passes, and vCPUs that dirty too much held to a rate. */
    DIRTY_LIMIT("dirty-limit"),
    /** The guest first, its memory afterwards. */
    POSTCOPY("postcopy"),
    /** One pass, then the guest, then the rest of its memory. */
    PRECOPY_THEN_POSTCOPY("precopy-then-postcopy");

    private final String publicName;

    Method(String publicName) {
        this.publicName = publicName;
    }

    /** Its name for people and programs. */
    public String publicName() {
        return publicName;
    }
}
