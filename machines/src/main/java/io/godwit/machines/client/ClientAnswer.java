// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import java.nio.ByteBuffer;

/**
 * What a client is answered.
 *
 * @param fencingNumber of the host that says so
 * @param status 0, or 1 if the request's number is neither the last one nor the next: then the value is the last one
 * @param checksum of all values that the client was told; with status 1 the number of cells less one
 * @param serial how many requests the guest has executed, this one included
 */
record ClientAnswer(long fencingNumber, long client, long number, long status, long value, long checksum, long serial) {
    static ClientAnswer of(ByteBuffer bytes) {
        return new ClientAnswer(
                bytes.getLong(),
                bytes.getLong(),
                bytes.getLong(),
                bytes.getLong(),
                bytes.getLong(),
                bytes.getLong(),
                bytes.getLong());
    }
}
