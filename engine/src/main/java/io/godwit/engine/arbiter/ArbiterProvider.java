// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

/** Makes arbiters of one kind; found as a service, so that what it needs is there only where it is wanted. */
public interface ArbiterProvider {
    /** The word before the colon, {@code etcd} say. */
    String scheme();

    /**
     * An arbiter for one host and one guest.
     *
     * @param place what follows the colon
     * @throws ArbiterException if that is not understood; a server that does not answer is told by the first claim
     */
    Arbiter open(String place);
}
