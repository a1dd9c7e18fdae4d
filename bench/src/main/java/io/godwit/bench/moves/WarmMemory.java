// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Free memory for a guest that arrives in small pages, which this machine has and keeps. A machine that is itself a
 * guest may have to get its free memory back from its host at the first touch, and may be giving some away at any time,
 * while which all its processors stand still for some 30 ms; either would be measured instead. What is kept free is not
 * given away, because each block of 2 MiB has pages that are taken; and the kernel takes pages out of such blocks
 * first.
 */
final class WarmMemory implements AutoCloseable {
    private final Optional<ChildProcess> keeper;

    private WarmMemory(Optional<ChildProcess> keeper) {
        this.keeper = keeper;
    }

    /**
     * Twice so many MiB, but three quarters of what is there at most, until it is closed; nothing where the floor is
     * not built.
     */
    static WarmMemory of(int mebibytes) throws Exception {
        if (!Floor.isBuilt()) {
            return new WarmMemory(Optional.empty());
        }
        long kept = Math.min(2L * mebibytes, availableMebibytes() * 3 / 4);
        ChildProcess keeper =
                new ChildProcess(List.of(Floor.PROGRAM.toString(), "-k", "-b", Long.toString(kept)), "warm");
        try {
            String _ = keeper.awaitReady();
        } catch (Exception e) {
            keeper.close();
            throw e;
        }
        return new WarmMemory(Optional.of(keeper));
    }

    private static long availableMebibytes() throws IOException {
        return Files.readString(Path.of("/proc/meminfo"))
                .lines()
                .filter(line -> line.startsWith("MemAvailable:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) >> 10)
                .findFirst()
                .orElse(0);
    }

    @Override
    public void close() {
        keeper.ifPresent(ChildProcess::close);
    }
}
