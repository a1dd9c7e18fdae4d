// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.FaultEvents;
import io.godwit.linux.memory.MappingFlags;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.linux.memory.Userfaultfd.Feature;
import io.godwit.linux.memory.Userfaultfd.Placement;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** The kernel's way: userfaultfd. */
public final class KernelMissingPages implements MissingPages {
    private static final System.Logger LOG = System.getLogger(KernelMissingPages.class.getName());
    private static final Path PROCESS_STATUS = Path.of("/proc/self/status");
    private static final String LOCKED_LINE = "VmLck:";

    private final Userfaultfd.Faults scope;

    /** With or without the faults of the kernel, as in KVM_RUN. */
    public KernelMissingPages(boolean kernelFaults) {
        this.scope = kernelFaults ? Userfaultfd.Faults.USER_AND_KERNEL : Userfaultfd.Faults.USER;
    }

    @Override
    public Support support(Collection<RamBlock> blocks) {
        try {
            Optional<String> locked = lockedMemory(blocks);
            if (locked.isPresent()) {
                return new Support.Missing(locked.get());
            }
            return Userfaultfd.support(features(blocks), scope);
        } catch (NativeException | UncheckedIOException e) {
            return new Support.Missing(
                    "whether this host can take a guest in by postcopy cannot be found out: " + e.getMessage());
        }
    }

    @Override
    public Watch open(Collection<RamBlock> blocks) {
        Set<Feature> features = features(blocks);
        EnumSet<Feature> withThreads = EnumSet.of(Feature.THREAD_ID);
        withThreads.addAll(features);
        boolean tellsThreads = Userfaultfd.support(withThreads, scope) instanceof Support.Available;
        return new KernelWatch(Userfaultfd.open(tellsThreads ? withThreads : features, scope));
    }

    private static Set<Feature> features(Collection<RamBlock> blocks) {
        Set<Feature> features = EnumSet.noneOf(Feature.class);
        for (RamBlock block : blocks) {
            if (block.pageBytes() != RamBlock.PAGE_BYTES) {
                features.add(Feature.MISSING_HUGE);
            } else if (block.memory().isShared()) {
                features.add(Feature.MISSING_SHARED);
            }
        }
        return features;
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
                        + " arrives would be too, and no page of it could be missing; start this process without"
                        + " mlockall")
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

    private static final class KernelWatch implements Watch {
        private final Userfaultfd faults;
        private final Set<RamBlock> wantHugePages = new HashSet<>();

        KernelWatch(Userfaultfd faults) {
            this.faults = faults;
        }

        @Override
        public boolean begin(RamBlock block) {
            boolean isHuge = block.pageBytes() != RamBlock.PAGE_BYTES;
            if (!isHuge && !MappingFlags.of(block.memory().address()).contains("nh")) {
                forbidHugePages(block);
            }
            return faults.register(block.memory().address(), block.usedLength(), Set.of(Userfaultfd.Mode.MISSING));
        }

        /** KERNEL: one touch would make 512 pages of a transparent huge page present, which then never fault. */
        private void forbidHugePages(RamBlock block) {
            try {
                block.memory().advise(0, block.memory().byteLength(), Advice.NOHUGEPAGE);
                boolean _ = wantHugePages.add(block);
            } catch (NativeException e) {
                if (e.errno() != Errno.EINVAL) {
                    throw e;
                }
                // KERNEL: built without transparent huge pages, so that there are none to forbid.
            }
        }

        @Override
        public void drop(RamBlock block, long offset, long byteLength) {
            NativeMemory memory = block.memory();
            memory.advise(offset, byteLength, memory.isShared() ? Advice.REMOVE : Advice.DONTNEED);
        }

        @Override
        public Placement copy(long address, NativeMemory content, long contentOffset, long byteLength) {
            return faults.copy(address, content, contentOffset, byteLength, true);
        }

        @Override
        public Placement zeroPage(long address, long byteLength) {
            return faults.zeroPage(address, byteLength, true);
        }

        @Override
        public void wake(long address, long byteLength) {
            faults.wake(address, byteLength);
        }

        @Override
        public void end(RamBlock block) {
            try {
                faults.unregister(block.memory().address(), block.usedLength());
            } catch (NativeException e) {
                // Not watched yet, or unmapped already; closing the descriptor does the same.
                LOG.log(System.Logger.Level.DEBUG, "RAM block {0}: {1}", block.idstr(), e.getMessage());
            }
        }

        @Override
        public FaultReader faults() {
            return new KernelFaults(faults);
        }

        @Override
        public void close() {
            faults.close();
            for (RamBlock block : wantHugePages) {
                block.memory().advise(0, block.usedLength(), Advice.HUGEPAGE);
            }
            wantHugePages.clear();
        }

        @Override
        public void forget(RamBlock block) {
            boolean _ = wantHugePages.remove(block);
        }
    }

    private static final class KernelFaults implements FaultReader {
        /** LIMIT: as many as one look takes from the kernel. */
        private static final int EVENTS = 64;

        private final Userfaultfd faults;
        private final EventSignal stop = new EventSignal();
        private final Polling polling = new Polling();
        private final FaultEvents events = new FaultEvents(EVENTS);

        KernelFaults(Userfaultfd faults) {
            this.faults = faults;
        }

        @Override
        public int await() {
            return polling.awaitReadable(faults, stop, Polling.FOREVER_NANOS) == Polling.Outcome.READY
                    ? faults.readEvents(events)
                    : STOPPED;
        }

        @Override
        public long address(int index) {
            return events.address(index);
        }

        @Override
        public int threadId(int index) {
            return events.threadId(index);
        }

        @Override
        public void stop() {
            stop.raise();
        }

        @Override
        public void close() {
            events.close();
            polling.close();
            stop.close();
        }
    }
}
