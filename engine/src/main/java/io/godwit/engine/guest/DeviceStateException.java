// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

/** A device section that this guest cannot take over, and why. */
public final class DeviceStateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says which device and what is wrong with the section. */
    public DeviceStateException(String idstr, int instanceId, String problem) {
        super("device " + idstr + "/" + instanceId + ": " + problem);
    }
}
