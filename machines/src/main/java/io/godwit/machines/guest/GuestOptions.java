// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.util.UUID;

/**
 * What a guest is made of.
 *
 * @param kind what runs it
 * @param memoryBytes its RAM, a multiple of 2 MiB from 4 MiB to 256 GiB; of an opaque guest the most that is taken in
 * @param pluggableBytes how much may be plugged in on top of it, all in all; 0 for none
 * @param pages what backs the RAM; of an opaque guest its source decides
 * @param cpus how many vCPUs, 1 to 64
 * @param workload what it does; a guest that is awaited brings its own
 * @param uuid who it is; a guest that is awaited brings its own
 */
public record GuestOptions(
        GuestKind kind,
        long memoryBytes,
        long pluggableBytes,
        HostPages pages,
        int cpus,
        Workload workload,
        UUID uuid) {
    private static final long DEFAULT_MEMORY = 512L << 20;
    private static final long DEFAULT_WORKING_SET = 64L << 20;
    private static final long DEFAULT_RATE = 20_000;
    private static final long DEFAULT_SEED = 0x676f_6477_6974L;

    /** Checks ranges. */
    public GuestOptions {
        if (memoryBytes % BootLayout.GRANULE != 0
                || memoryBytes < 2 * BootLayout.GRANULE
                || memoryBytes > BootLayout.MAX_BYTE_LENGTH) {
            throw new IllegalArgumentException(
                    "guest memory is a multiple of 2 MiB from 4 MiB to 256 GiB, not %d bytes".formatted(memoryBytes));
        }
        if (pluggableBytes < 0 || pluggableBytes > BootLayout.MAX_BYTE_LENGTH) {
            throw new IllegalArgumentException(
                    "memory that may be plugged in is 0 to 256 GiB, not %d bytes".formatted(pluggableBytes));
        }
        if (cpus < 1 || cpus > BootLayout.MAX_VCPUS) {
            throw new IllegalArgumentException("a guest has 1 to " + BootLayout.MAX_VCPUS + " vCPUs, not " + cpus);
        }
    }

    /** The usual guest: 512 MiB, one vCPU, the dirtier over 64 MiB at 20,000 pages/s, random memory, a new identity. */
    public static GuestOptions defaults() {
        return new GuestOptions(
                GuestKind.AUTO,
                DEFAULT_MEMORY,
                0,
                HostPages.ORDINARY,
                1,
                new Workload(
                        GuestProgram.DIRTIER,
                        DEFAULT_WORKING_SET,
                        DEFAULT_RATE,
                        WriteOrder.SWEEP,
                        RamFill.RANDOM,
                        DEFAULT_SEED),
                UUID.randomUUID());
    }

    /** The same with another kind. */
    public GuestOptions withKind(GuestKind other) {
        return new GuestOptions(other, memoryBytes, pluggableBytes, pages, cpus, workload, uuid);
    }

    /** The same with other memory. */
    public GuestOptions withMemoryBytes(long other) {
        return new GuestOptions(kind, other, pluggableBytes, pages, cpus, workload, uuid);
    }

    /** The same with room for so many bytes more. */
    public GuestOptions withPluggableBytes(long other) {
        return new GuestOptions(kind, memoryBytes, other, pages, cpus, workload, uuid);
    }

    /** The same with other pages behind the RAM. */
    public GuestOptions withPages(HostPages other) {
        return new GuestOptions(kind, memoryBytes, pluggableBytes, other, cpus, workload, uuid);
    }

    /** The same with other vCPUs. */
    public GuestOptions withCpus(int other) {
        return new GuestOptions(kind, memoryBytes, pluggableBytes, pages, other, workload, uuid);
    }

    /** The same with another workload. */
    public GuestOptions withWorkload(Workload other) {
        return new GuestOptions(kind, memoryBytes, pluggableBytes, pages, cpus, other, uuid);
    }

    /** The same with another identity. */
    public GuestOptions withUuid(UUID other) {
        return new GuestOptions(kind, memoryBytes, pluggableBytes, pages, cpus, workload, other);
    }
}
