// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ChannelInput;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.DeviceSection;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Keeps a guest ready to go on from the newest whole epoch of the {@link CheckpointTaker}: the guest stands still here
 * as it was when checkpoints began, and each whole epoch makes it what it was at the taker then. A part of an epoch
 * changes nothing.
 *
 * <p>With {@code postcopy-safe} this is the source. The memory that an epoch writes to is memory that the destination
 * has already: what is still to be pushed is never touched.
 *
 * <p>Threads: {@link #keep} on {@code mig-epochs}; {@link #restore} when that thread has ended; the rest from any.
 */
public final class CheckpointKeeper implements AutoCloseable {
    private static final int STAGING_BYTES = 1 << 20;

    /**
     * The newest epoch that the guest can go on from.
     *
     * @param number 0 for the guest as it was when checkpoints began
     * @param runNanos how long the guest had run at the taker by then
     * @param receivedNanos when it was whole here, on this side's clock
     */
    public record Epoch(long number, long runNanos, long receivedNanos) {}

    private final Guest guest;
    private final MonotonicClock clock;
    private final Consumer<CheckpointStatistics> figures;
    private final RamBlocks.Snapshot ram;
    private final PageSpool spool;
    private final List<PageBitmap> seen = new ArrayList<>();

    private Optional<List<DeviceSection>> arrivingDevices = Optional.empty();
    private long arrivingRunNanos;
    private Optional<List<DeviceSection>> devices = Optional.empty();

    private volatile Epoch newest;
    private volatile boolean over;
    private long epochs;
    private long pages;
    private long bytes;

    /**
     * For a guest that has been handed over and stands still here.
     *
     * @param figures told at once, at the end of each epoch and of safety
     */
    public CheckpointKeeper(Guest guest, MonotonicClock clock, Consumer<CheckpointStatistics> figures) {
        this.guest = guest;
        this.clock = clock;
        this.ram = guest.ram().snapshot();
        this.spool = new PageSpool(ram.totalBytes() / RamBlock.PAGE_BYTES);
        ram.blocks().forEach(block -> seen.add(new PageBitmap(block.pageCount())));
        this.newest = new Epoch(0, 0, clock.nanoTime());
        this.figures = figures;
        tell();
    }

    /**
     * Keeps what comes over one connection, an epoch every so many milliseconds if the taker can. Returns when the
     * taker has ended safety: the guest is never restored then.
     *
     * @throws MigrationException if the connection breaks or what comes is no epoch of this guest; the last whole epoch
     *     stays, and another connection may follow
     */
    public void keep(Channel channel, int epochMillis) {
        abandonEpoch();
        write(channel, new KeeperWord.Greeting(guest.identity(), newest.number(), epochMillis, over));
        if (over) {
            return;
        }
        try (ChannelInput input = new ChannelInput(channel, STAGING_BYTES)) {
            CheckpointReader reader = new CheckpointReader(new Arrivals(channel, input), newest.number());
            while (!over) {
                int n = input.fill(Channel.FOREVER_NANOS);
                if (n < 0) {
                    throw new MigrationException.Transport(
                            "the destination closed the epochs' connection after epoch " + newest.number());
                }
                bytes += n;
                reader.consume(input.received());
                input.keepRest();
            }
        }
    }

    /** The newest epoch that the guest can go on from. */
    public Epoch newest() {
        return newest;
    }

    /** Whether safety has ended: the guest belongs to the taker for good. */
    public boolean isOver() {
        return over;
    }

    /**
     * Makes the guest ready to go on from the newest epoch; its memory is that already. Only with the right to run, and
     * with {@link #keep} ended.
     *
     * @param ranAtSwitch whether it ran when it was stopped for the switch
     * @return whether it ran
     * @throws IllegalStateException if safety has ended
     * @throws io.godwit.engine.guest.DeviceStateException if a device refuses its state
     */
    public boolean restore(boolean ranAtSwitch) {
        if (over) {
            throw new IllegalStateException("the guest was given up for good after epoch " + newest.number());
        }
        // Of the switch nothing has to be loaded: the devices stand as they stood.
        return devices.map(sections -> GuestState.load(guest, sections)).orElse(ranAtSwitch);
    }

    private void tell() {
        figures.accept(new CheckpointStatistics(
                epochs,
                newest.number(),
                pages,
                bytes,
                0,
                0,
                LatencyHistogram.Snapshot.EMPTY,
                LatencyHistogram.Snapshot.EMPTY,
                !over,
                ""));
    }

    private void write(Channel channel, KeeperWord word) {
        try (NativeMemory memory = NativeMemory.allocate(KeeperWord.MAX_BYTES)) {
            ByteBuffer buffer = memory.buffer(0, KeeperWord.MAX_BYTES);
            word.encode(buffer);
            channel.write(memory, 0, buffer.position());
        }
    }

    private void abandonEpoch() {
        arrivingDevices = Optional.empty();
        forgetPages();
    }

    private void forgetPages() {
        for (int i = 0; i < spool.count(); i++) {
            boolean _ = seen.get(spool.block(i)).fetchAndClearPage(spool.page(i));
        }
        spool.clear();
    }

    /** The epoch becomes the guest. Nothing here can fail half way: everything was checked when it came. */
    private void apply() {
        for (int i = 0; i < spool.count(); i++) {
            NativeMemory memory = ram.blocks().get(spool.block(i)).memory();
            long offset = spool.page(i) * RamBlock.PAGE_BYTES;
            if (spool.isZero(i)) {
                memory.fill(offset, RamBlock.PAGE_BYTES, (byte) 0);
            } else {
                NativeMemory.copy(spool.memory(i), spool.offset(i), memory, offset, RamBlock.PAGE_BYTES);
            }
        }
    }

    /** What the reader hands over, for this guest. */
    private final class Arrivals implements CheckpointListener {
        private final Channel channel;
        private final ChannelInput input;
        private int announced;

        Arrivals(Channel channel, ChannelInput input) {
            this.channel = channel;
            this.input = input;
        }

        @Override
        public void record(CheckpointRecord record) {
            switch (record) {
                case CheckpointRecord.Block block -> accept(block);
                case CheckpointRecord.Begin(long _, long runNanos) -> {
                    requireAllBlocks();
                    arrivingRunNanos = runNanos;
                }
                // Read now: an epoch whose devices cannot be read is none, and must not be acknowledged.
                case CheckpointRecord.Devices(var tail) ->
                    arrivingDevices = Optional.of(DeviceTail.sections(guest, tail));
                case CheckpointRecord.End(long number, long pageCount, int _) -> wholeEpoch(number, pageCount);
                case CheckpointRecord.SafetyEnd(long last) -> safetyEnd(last);
            }
        }

        private void accept(CheckpointRecord.Block block) {
            List<RamBlock> ours = ram.blocks();
            if (block.index() >= ours.size()
                    || !ours.get(block.index()).idstr().equals(block.idstr())
                    || ours.get(block.index()).usedLength() != block.usedLength()) {
                throw new MigrationException.Protocol(
                        "the destination sends back RAM block %d, '%s' of %d bytes; this guest has %s"
                                .formatted(block.index(), block.idstr(), block.usedLength(), ours));
            }
            announced++;
        }

        private void requireAllBlocks() {
            if (announced != ram.blocks().size()) {
                throw new MigrationException.Protocol("an epoch begins after " + announced + " of "
                        + ram.blocks().size() + " RAM blocks were announced");
            }
        }

        @Override
        public void page(int block, long offset, ByteBuffer content, int index) {
            long page = checkedOnce(block, offset);
            spool.add(block, page, input.memoryOf(content), index);
        }

        @Override
        public void zeroPage(int block, long offset) {
            spool.addZero(block, checkedOnce(block, offset));
        }

        /** LIMIT: a page comes once in an epoch, so an epoch is never larger than the guest. */
        private long checkedOnce(int block, long offset) {
            long page = offset >>> RamBlock.PAGE_SHIFT;
            PageBitmap bitmap = seen.get(block);
            if (bitmap.isSet(page)) {
                throw new MigrationException.Protocol(
                        "page " + page + " of " + ram.blocks().get(block) + " comes twice in one epoch");
            }
            bitmap.set(page);
            return page;
        }

        private void wholeEpoch(long number, long pageCount) {
            // ORDERING: the guest is made ready before the answer leaves: who hears it may count on it, and a break of
            // the wire in between finds a whole guest.
            devices = arrivingDevices;
            arrivingDevices = Optional.empty();
            apply();
            forgetPages();
            epochs++;
            pages += pageCount;
            newest = new Epoch(number, arrivingRunNanos, clock.nanoTime());
            tell();
            write(channel, new KeeperWord.Acknowledged(number));
        }

        private void safetyEnd(long last) {
            if (last != newest.number()) {
                throw new MigrationException.Protocol("the destination ends safety after epoch " + last
                        + "; the last that came is " + newest.number());
            }
            // ORDERING: before the answer leaves, for from then on the world may see what no epoch has.
            over = true;
            tell();
            write(channel, new KeeperWord.SafetyOver(last));
        }
    }

    @Override
    public void close() {
        spool.close();
    }
}
