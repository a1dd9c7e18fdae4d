// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AllocationTest {
    // 6.4 million pages: 16 bytes for each would be 98 MiB. What is left is the JVM's start and its warm-up.
    @Test
    void dataPlaneAllocatesNothingForAPage(@TempDir Path directory) throws Exception {
        String[] options = {
            "-XX:+UnlockExperimentalVMOptions", "-XX:+UseEpsilonGC", "-Xmx80m", "-XX:TieredStopAtLevel=4"
        };
        assertThat(ChildJvm.run(directory, AllocationProbe.class, options)).contains("done");
    }
}
