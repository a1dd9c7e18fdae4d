// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import java.util.List;

/**
 * All of a guest that is not memory, as it was taken where the guest ran last. It is sent as it came.
 *
 * @param configuration the stream's, by which the destination knows the machine
 * @param sections all sections in the order of the stream, {@code globalstate} too
 */
public record KeptState(Configuration configuration, List<DeviceSection> sections) {
    /** Copies the list. */
    public KeptState {
        sections = List.copyOf(sections);
    }
}
