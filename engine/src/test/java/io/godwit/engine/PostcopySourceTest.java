// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunState;
import io.godwit.stream.RamBlockEntry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The source's side of postcopy against destinations that follow a script. */
@Timeout(120)
class PostcopySourceTest {
    private static final List<RamBlockEntry> BLOCKS = List.of(RamBlockEntry.of("ram", CountingGuest.RAM_BYTES));

    @TempDir
    Path directory;

    @Test
    void theSwitchComesInQemusOrderAndEachPageIsSentOnce() throws Exception {
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            pair.source.addListener(new StatusRecorder(seen));
            pair.source.migrate(destination.uri());
            pair.source.startPostcopy();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(destination.errors).isEmpty();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(seen)
                    .containsExactly(
                            "setup", "pass 1", "active", "pass 2", "device", "pass 3", "postcopy-active", "completed");
            assertThat(destination.order)
                    .startsWith("OpenReturnPath", "PING", "PostcopyAdvise", "START ram")
                    .containsSubsequence(
                            "DISCARD",
                            "PING",
                            "SwitchoverStart",
                            "PING",
                            "PACKAGED",
                            "window PING",
                            "PART",
                            "END ram",
                            "EOF");
            assertThat(destination.mostRangesOfACommand).isBetween(1, 12);
            assertThat(destination.twice.get()).isZero();
            assertHoldsTheSourcesMemory(pair, destination);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
        }
    }

    static void assertHoldsTheSourcesMemory(Pair pair, ScriptedDestination destination) {
        int pages = CountingGuest.RAM_BYTES / 4096;
        assertThat(destination.received.cardinality()).isEqualTo(pages);
        byte[] expected = new byte[4096];
        for (long page = 0; page < pages; page++) {
            pair.sourceGuest.memory().copyTo(page * 4096, expected, 0, 4096);
            assertThat(destination.contents.get(page)).as("page " + page).isEqualTo(expected);
        }
    }

    private Pair postcopyPair() {
        Pair pair = new Pair(directory);
        pair.source.setCapability(Capability.POSTCOPY_RAM, true);
        return pair;
    }

    private record StatusRecorder(List<String> seen) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            seen.add(status.publicName());
        }

        @Override
        public void passStarted(int pass) {
            seen.add("pass " + pass);
        }
    }
}
