// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import java.util.List;
import java.util.Map;

/**
 * What a snapshot is, but for its pages.
 *
 * @param facts what is told of it, by name: {@code created}, {@code source} and others, in the order they were told
 * @param configuration QEMU's configuration section
 * @param blocks RAM blocks, in the order of the stream's list
 * @param devices device sections, in the order of the stream
 * @param vmDescription QEMU's description of the devices, JSON; empty if there was none
 * @param counts its pages
 * @param packs the packs that have its pages
 */
public record Manifest(
        Map<String, String> facts,
        Configuration configuration,
        List<SavedBlock> blocks,
        List<SavedDevice> devices,
        String vmDescription,
        Counts counts,
        List<UsedPack> packs) {
    /**
     * How many pages.
     *
     * @param content with content of their own
     * @param zero of zeros
     * @param absent that never came; a restore gives zeros for them
     * @param newPages that the store had not before
     * @param newBytes that the store grew by for them
     */
    public record Counts(long content, long zero, long absent, long newPages, long newBytes) {}

    /** A pack, and what makes it this one. */
    public record UsedPack(int number, Bytes identity) {}
}
