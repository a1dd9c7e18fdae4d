// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MappingFlagsTest {
    private static final long LENGTH = 1 << 20;

    @Test
    void adviceOnAMappingShows() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH)) {
            assertThat(MappingFlags.of(memory.address())).contains("rd", "wr").doesNotContain("nh", "lo");
            memory.advise(0, LENGTH, Advice.DONTDUMP);
            memory.advise(0, LENGTH, Advice.DONTFORK);
            assertThat(MappingFlags.of(memory.address() + LENGTH - 1)).contains("dd", "dc");
        }
    }

    @Test
    void nothingIsKnownOfWhatIsNotMapped() {
        assertThat(MappingFlags.of(0)).isEmpty();
    }
}
