// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import java.util.UUID;

/** Who a guest is: known from the start, or learned once when it arrives. Any thread. */
public final class Identity {
    private UUID uuid;
    private boolean settled;

    /** The identity of a guest; one that is to arrive can still assume another. */
    public Identity(UUID uuid, Origin origin) {
        this.uuid = uuid;
        this.settled = origin == Origin.BOOT;
    }

    /** Who the guest is, as far as is known. */
    public synchronized UUID uuid() {
        return uuid;
    }

    /**
     * Learns who the guest is.
     *
     * @throws IllegalStateException it is somebody else already
     */
    public synchronized void assume(UUID arriving) {
        if (settled && !uuid.equals(arriving)) {
            throw new IllegalStateException("this guest is " + uuid + " and cannot become " + arriving);
        }
        uuid = arriving;
        settled = true;
    }
}
