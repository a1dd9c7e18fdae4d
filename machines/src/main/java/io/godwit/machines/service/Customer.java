// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

/** Who asks a service. Called with the device locked: must return at once and call nothing of the device. */
public interface Customer {
    /** An answer to one of its requests leaves. */
    void answer(long fencingNumber, byte[] content);

    /** The guest is not here any more. */
    void hangUp();
}
