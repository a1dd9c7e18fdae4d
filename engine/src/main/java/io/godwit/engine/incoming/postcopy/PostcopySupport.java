// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.guest.Guest;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.MappingFlags;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * Whether a guest can arrive here by postcopy. What is missing is told in a sentence, before anything has been moved.
 */
public final class PostcopySupport {
    private static final Path PROCESS_STATUS = Path.of("/proc/self/status");
    private static final String LOCKED_LINE = "VmLck:";

    private PostcopySupport() {}

    /** What the kernel, this process's privileges and the guest's memory allow. Changes nothing. */
    public static Support check(Guest guest) {
        Collection<RamBlock> blocks = guest.ram().snapshot().blocks();
        try {
            Optional<String> locked = lockedMemory(blocks);
            if (locked.isPresent()) {
                return new Support.Missing(locked.get());
            }
            return Userfaultfd.support(features(blocks), scope(guest.faultsInKernel()));
        } catch (NativeException | UncheckedIOException e) {
            return new Support.Missing(
                    "whether this host can take a guest in by postcopy cannot be found out: " + e.getMessage());
        }
    }

    /** What userfaultfd has to offer for these blocks. */
    static Set<Userfaultfd.Feature> features(Collection<RamBlock> blocks) {
        Set<Userfaultfd.Feature> features = EnumSet.noneOf(Userfaultfd.Feature.class);
        for (RamBlock block : blocks) {
            if (block.pageBytes() != RamBlock.PAGE_BYTES) {
                features.add(Userfaultfd.Feature.MISSING_HUGE);
            } else if (block.memory().isShared()) {
                features.add(Userfaultfd.Feature.MISSING_SHARED);
            }
        }
        return features;
    }

    /** Whose faults must be heard. */
    static Userfaultfd.Faults scope(boolean kernelFaults) {
        return kernelFaults ? Userfaultfd.Faults.USER_AND_KERNEL : Userfaultfd.Faults.USER;
    }

    /** The ORed page sizes of the blocks, as POSTCOPY_ADVISE announces them. */
    static long pageSizes(Collection<RamBlock> blocks) {
        long summary = 0;
        for (RamBlock block : blocks) {
            summary |= block.pageBytes();
        }
        return summary;
    }

    /**
     * KERNEL: locked memory is filled with zero pages as soon as it is mapped or emptied, so that nothing would be
     * missing.
     */
    private static Optional<String> lockedMemory(Collection<RamBlock> blocks) {
        long lockedKibibytes = lockedKibibytes();
        if (lockedKibibytes == 0) {
            return Optional.empty();
        }
        for (RamBlock block : blocks) {
            if (MappingFlags.of(block.memory().address()).contains("lo")) {
                return Optional.of("the guest's memory is locked (RAM block " + block.idstr()
                        + "), so that no page of it can be missing; start this process without mlockall");
            }
        }
        return blocks.isEmpty()
                ? Optional.of(lockedKibibytes + " KiB of this process are locked, so that the memory of a guest that"
                        + " arrives would be too, and no page of it could be missing; start this process "
                        + "without mlockall")
                : Optional.empty();
    }

    private static long lockedKibibytes() {
        try {
            for (String line : Files.readAllLines(PROCESS_STATUS)) {
                if (line.startsWith(LOCKED_LINE)) {
                    return Long.parseLong(line.substring(LOCKED_LINE.length())
                            .replace("kB", "")
                            .strip());
                }
            }
            return 0;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + PROCESS_STATUS, e);
        }
    }
}
