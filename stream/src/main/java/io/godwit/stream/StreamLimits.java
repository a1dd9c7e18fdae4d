// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

/**
 * What a reader takes from a peer before it gives up. All sizes in bytes. Nothing is allocated by a number of the
 * stream that exceeds these.
 *
 * @param maxBlocks RAM blocks in the block list
 * @param maxBlockBytes length of one RAM block
 * @param maxRamBytes all RAM blocks together
 * @param maxNameBytes machine name; RAM block and section names are at most 255 by their encoding
 * @param maxTailBytes device sections and vmdesc together
 * @param maxVmDescriptionBytes the vmdesc's JSON
 * @param maxPackagedBytes the blob of a PACKAGED command
 */
public record StreamLimits(
        int maxBlocks,
        long maxBlockBytes,
        long maxRamBytes,
        int maxNameBytes,
        int maxTailBytes,
        int maxVmDescriptionBytes,
        int maxPackagedBytes) {
    /** LIMIT: a big QEMU guest has some 50 blocks, 12 TiB of RAM, and a tail under 1 MiB without VFIO. */
    public static final StreamLimits DEFAULT =
            new StreamLimits(1024, 16L << 40, 16L << 40, 255, 64 << 20, 8 << 20, 64 << 20);

    /** Checks that every limit is positive. */
    public StreamLimits {
        if (maxBlocks <= 0
                || maxBlockBytes <= 0
                || maxRamBytes <= 0
                || maxNameBytes <= 0
                || maxTailBytes <= 0
                || maxVmDescriptionBytes <= 0
                || maxPackagedBytes <= 0) {
            throw new IllegalArgumentException("Every limit must be positive.");
        }
        if (maxNameBytes > 1024) {
            throw new IllegalArgumentException("maxNameBytes is " + maxNameBytes
                    + ", but a name must fit the smallest reader buffer: at most 1024.");
        }
    }
}
