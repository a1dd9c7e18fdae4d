// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.stream.DeviceSection;

/**
 * One device of a guest (a vCPU is one too) whose state travels as a section of its own. Called on the migration thread
 * with the vCPUs paused.
 */
public interface DeviceState {
    /** The name that finds the device at the destination. */
    String idstr();

    /** Tells devices of the same name apart. */
    int instanceId();

    /** Takes the state as it is now. */
    DeviceSection save();

    /**
     * Sets the state. The section comes from the network: every length and value is checked before anything is changed.
     *
     * @throws DeviceStateException if the bytes are no state of this device or the host refuses a value
     */
    void load(DeviceSection section);
}
