// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

/**
 * Hears for how long vCPUs were kept from running because somebody tracks what they write. Pauses and what a throttle
 * takes are no waits.
 *
 * <p>Called by the vCPU's own thread, so it must return at once and allocate nothing.
 */
@FunctionalInterface
public interface VcpuWaits {
    /** Why a vCPU waited. */
    enum Cause {
        /** Its dirty ring was full, and had to be emptied first. */
        RING_FULL("ring-full"),
        /** It was got out of the guest so that its throttle could take something; what that took is not in it. */
        KICK("kick"),
        /** A write to a page, with the tracker's part in it; where that part cannot be told apart from the write. */
        TRACKED_WRITE("tracked-write");

        private final String publicName;

        Cause(String publicName) {
            this.publicName = publicName;
        }

        /** Its name in reports. */
        public String publicName() {
            return publicName;
        }
    }

    /** vCPU {@code vcpu} was kept from running for {@code nanos}. */
    void waited(int vcpu, Cause cause, long nanos);
}
