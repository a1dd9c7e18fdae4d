// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import java.nio.ByteBuffer;

/**
 * What a client asks.
 *
 * @param number its own, 1 for the first; 0 only asks for the last number that the guest knows
 * @param operation one of those of {@link io.godwit.machines.programs.ServiceLayout}
 */
record ClientRequest(int client, long number, int operation, long key, long value) {
    void put(ByteBuffer bytes) {
        bytes.putLong(client).putLong(number).putLong(operation).putLong(key).putLong(value);
    }
}
