// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * One vCPU. {@link #run} belongs to one thread, and the answers to its exits too; {@link #immediateExit} may be set by
 * any thread; state is read and set while nobody runs the vCPU.
 */
public final class KvmVcpu implements AutoCloseable {
    // struct kvm_run
    private static final int IMMEDIATE_EXIT = 1;
    private static final int EXIT_REASON = 8;
    private static final int DETAIL = 32;
    private static final int IO_DIRECTION = 32;
    private static final int IO_SIZE = 33;
    private static final int IO_PORT = 34;
    private static final int IO_COUNT = 36;
    private static final int IO_DATA_OFFSET = 40;
    private static final int VALID_REGISTERS = 288;
    private static final int DIRTY_REGISTERS = 296;
    private static final int REGISTERS = 304;
    private static final long GENERAL_REGISTERS = 1;

    private static final int EXIT_IO = 2;
    private static final int EXIT_HLT = 5;
    private static final int EXIT_MMIO = 6;
    private static final int EXIT_SHUTDOWN = 8;
    private static final int EXIT_FAIL_ENTRY = 9;
    private static final int EXIT_INTR = 10;
    private static final int EXIT_INTERNAL_ERROR = 17;
    private static final int EXIT_DIRTY_RING_FULL = 31;

    private static final int DIRECTION_IN = 0;

    private static final VarHandle BYTE = JAVA_BYTE.varHandle();

    private final KvmDescriptor descriptor;
    private final int index;
    private final int xsaveLength;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment run;
    private final DirtyRing ring;

    private KvmVcpu(KvmDescriptor descriptor, int index, int mapLength, int ringByteLength, int xsaveLength) {
        this.descriptor = descriptor;
        this.index = index;
        this.xsaveLength = xsaveLength;
        try {
            this.run = Mappings.map(descriptor, 0, mapLength, arena);
            this.ring = ringByteLength == 0 ? DirtyRing.none() : DirtyRing.map(descriptor, ringByteLength, arena);
        } catch (RuntimeException | Error failure) {
            arena.close();
            throw failure;
        }
    }

    /** Maps what the kernel shares through the descriptor, which is closed if that fails. */
    static KvmVcpu over(KvmDescriptor descriptor, int index, int mapLength, int ringByteLength, int xsaveLength) {
        try {
            return new KvmVcpu(descriptor, index, mapLength, ringByteLength, xsaveLength);
        } catch (RuntimeException | Error failure) {
            descriptor.close();
            throw failure;
        }
    }

    /** The vCPU's number, from 0. */
    public int index() {
        return index;
    }

    /**
     * Enters the guest, after finishing the access to a port that it stands in. Comes back when the guest needs
     * something, when a signal arrives, or at once (the access finished all the same) after {@link #immediateExit}.
     *
     * @throws NativeException the kernel refused
     */
    public KvmExit run() {
        int result = Libc.ioctl(descriptor.number(), KvmRequests.RUN, 0L);
        if (result < 0) {
            if (result == -Errno.EINTR.number() || result == -Errno.EAGAIN.number()) {
                return KvmExit.INTERRUPTED;
            }
            throw descriptor.failure("KVM_RUN", result, 0);
        }
        return switch (run.get(JAVA_INT, EXIT_REASON)) {
            case EXIT_IO -> run.get(JAVA_BYTE, IO_DIRECTION) == DIRECTION_IN ? KvmExit.IO_IN : KvmExit.IO_OUT;
            case EXIT_INTR -> KvmExit.INTERRUPTED;
            case EXIT_HLT -> KvmExit.HALT;
            case EXIT_MMIO -> KvmExit.MMIO;
            case EXIT_DIRTY_RING_FULL -> KvmExit.DIRTY_RING_FULL;
            case EXIT_SHUTDOWN -> KvmExit.SHUTDOWN;
            case EXIT_FAIL_ENTRY -> KvmExit.FAIL_ENTRY;
            case EXIT_INTERNAL_ERROR -> KvmExit.INTERNAL_ERROR;
            default -> KvmExit.OTHER;
        };
    }

    /**
     * Makes {@link #run} come back before it enters the guest, now and each time until it is unset. Does not interrupt
     * a guest that runs: send the thread a signal after setting it.
     */
    public void immediateExit(boolean set) {
        // ORDERING: sequentially consistent with the flag that asks for a pause, which callers read after clearing this
        // one.
        BYTE.setVolatile(run, (long) IMMEDIATE_EXIT, (byte) (set ? 1 : 0));
    }

    /** The port of an {@link KvmExit#IO_IN} or {@link KvmExit#IO_OUT}, 0 to 65535. */
    public int ioPort() {
        return run.get(JAVA_SHORT, IO_PORT) & 0xffff;
    }

    /** Length of each access in bytes: 1, 2 or 4. */
    public int ioByteLength() {
        return run.get(JAVA_BYTE, IO_SIZE);
    }

    /** How many accesses a string instruction makes at once; 1 for others. */
    public int ioCount() {
        return run.get(JAVA_INT, IO_COUNT);
    }

    /** What the guest wrote, zero-extended; the first access only. */
    public int ioValue() {
        long at = run.get(JAVA_LONG, IO_DATA_OFFSET);
        return switch (ioByteLength()) {
            case 1 -> run.get(JAVA_BYTE, at) & 0xff;
            case 2 -> run.get(JAVA_SHORT, at) & 0xffff;
            case 4 -> run.get(JAVA_INT, at);
            default -> throw new IllegalStateException("port access of " + ioByteLength() + " bytes");
        };
    }

    /**
     * What the guest reads; every access of a string instruction gets the same. Takes effect in the next {@link #run}.
     */
    public void answerIo(int value) {
        long at = run.get(JAVA_LONG, IO_DATA_OFFSET);
        int byteLength = ioByteLength();
        for (int i = 0; i < ioCount(); i++, at += byteLength) {
            switch (byteLength) {
                case 1 -> run.set(JAVA_BYTE, at, (byte) value);
                case 2 -> run.set(JAVA_SHORT, at, (short) value);
                case 4 -> run.set(JAVA_INT, at, value);
                default -> throw new IllegalStateException("port access of " + byteLength + " bytes");
            }
        }
    }

    /**
     * From now on each {@link #run} leaves the general registers where {@link #register(int)} finds them, without a
     * request to the kernel.
     */
    public void shareRegisters() {
        run.set(JAVA_LONG, VALID_REGISTERS, GENERAL_REGISTERS);
    }

    /**
     * A general register as the last {@link #run} left it; only after {@link #shareRegisters}.
     *
     * @param index in the order rax rbx rcx rdx rsi rdi rsp rbp r8 to r15, rip, rflags
     */
    public long register(int index) {
        return run.get(JAVA_LONG, REGISTERS + (long) index * Long.BYTES);
    }

    /**
     * Sets a general register; all others are as the last {@link #run} left them. Takes effect in the next one, so that
     * run must come before the state is read.
     */
    public void register(int index, long value) {
        run.set(JAVA_LONG, REGISTERS + (long) index * Long.BYTES, value);
        run.set(JAVA_LONG, DIRTY_REGISTERS, GENERAL_REGISTERS);
    }

    /** The last exit in words, with the numbers that KVM gives for it. */
    public String exitDescription() {
        return "KVM exit reason %d, detail 0x%x 0x%x"
                .formatted(run.get(JAVA_INT, EXIT_REASON), run.get(JAVA_LONG, DETAIL), run.get(JAVA_LONG, DETAIL + 8));
    }

    /**
     * Takes entries from the vCPU's dirty ring; {@link KvmVm#resetDirtyRings} gives them back to the kernel.
     *
     * @param slots receives the memory slots
     * @param pages receives the pages' numbers within those; as long as {@code slots}
     * @return how many were taken; less than {@code pages.length} when the ring is empty
     */
    public int harvestDirtyRing(int[] slots, long[] pages) {
        return ring.harvest(slots, pages);
    }

    /** Reads a part of the state. */
    public byte[] read(VcpuPart part) {
        return readStructure("KVM_GET_" + part, part.getRequest(), part.byteLength());
    }

    /** Sets a part of the state, which must have the part's length. */
    public void write(VcpuPart part, byte[] structure) {
        requireLength("KVM_SET_" + part, structure, part.byteLength());
        writeStructure("KVM_SET_" + part, part.setRequest(), structure);
    }

    /** Length of the XSAVE area in bytes, at least 4096. */
    public int xsaveByteLength() {
        return xsaveLength;
    }

    /** Reads the XSAVE area: x87, SSE, AVX and whatever else the guest has. */
    public byte[] readXsave() {
        // KERNEL: KVM_GET_XSAVE2 came with 5.17; KVM_GET_XSAVE would cut off what is beyond 4096 bytes.
        return xsaveLength == VcpuPart.XSAVE_LENGTH
                ? readStructure("KVM_GET_XSAVE", KvmRequests.GET_XSAVE, xsaveLength)
                : readStructure("KVM_GET_XSAVE2", KvmRequests.GET_XSAVE2, xsaveLength);
    }

    /** Sets the XSAVE area, which must be {@link #xsaveByteLength} long. */
    public void writeXsave(byte[] area) {
        requireLength("KVM_SET_XSAVE", area, xsaveLength);
        writeStructure("KVM_SET_XSAVE", KvmRequests.SET_XSAVE, area);
    }

    /**
     * Tells the guest what its processor can: entries as {@link Kvm#supportedCpuid} gives them. Before anything else is
     * set.
     */
    public void writeCpuid(byte[] entries) {
        int entry = KvmLayouts.byteLength(KvmLayouts.CPUID_ENTRY);
        if (entries.length % entry != 0) {
            throw new IllegalArgumentException(
                    "CPUID entries have %d bytes each, but there are %d bytes".formatted(entry, entries.length));
        }
        int header = KvmLayouts.byteLength(KvmLayouts.CPUID);
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment table = scratch.allocate(header + (long) entries.length, Long.BYTES);
            table.set(JAVA_INT, 0, entries.length / entry);
            Structures.fill(table, header, entries);
            descriptor.request("KVM_SET_CPUID2", KvmRequests.SET_CPUID2, table);
        }
    }

    /** Frequency of the guest's time stamp counter in kHz; 0 if the host does not know. */
    public int tscKhz() {
        return (int) descriptor.request("KVM_GET_TSC_KHZ", KvmRequests.GET_TSC_KHZ, 0);
    }

    /** Sets the frequency of the guest's time stamp counter. */
    public void tscKhz(int khz) {
        descriptor.request("KVM_SET_TSC_KHZ", KvmRequests.SET_TSC_KHZ, khz);
    }

    /** Reads MSRs; the ones that KVM refuses are named in the result and do not hide the others. */
    public MsrValues readMsrs(int[] indices) {
        try (Arena scratch = Arena.ofConfined()) {
            MsrTable table = new MsrTable(scratch, indices, new long[indices.length]);
            boolean[] refused = table.transfer(descriptor, "KVM_GET_MSRS", KvmRequests.GET_MSRS);
            return table.values(refused);
        }
    }

    /**
     * Sets MSRs.
     *
     * @return numbers of the ones that KVM refused; all others are set
     */
    public int[] writeMsrs(int[] indices, long[] values) {
        try (Arena scratch = Arena.ofConfined()) {
            MsrTable table = new MsrTable(scratch, indices, values);
            boolean[] refused = table.transfer(descriptor, "KVM_SET_MSRS", KvmRequests.SET_MSRS);
            return table.values(refused).refused();
        }
    }

    private byte[] readStructure(String name, long request, int byteLength) {
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment structure = scratch.allocate(byteLength, Long.BYTES);
            descriptor.request(name, request, structure);
            return structure.toArray(JAVA_BYTE);
        }
    }

    private void writeStructure(String name, long request, byte[] bytes) {
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment structure = scratch.allocate(bytes.length, Long.BYTES);
            Structures.fill(structure, 0, bytes);
            descriptor.request(name, request, structure);
        }
    }

    private static void requireLength(String name, byte[] structure, int byteLength) {
        if (structure.length != byteLength) {
            throw new IllegalArgumentException(
                    "%s takes %d bytes, not %d".formatted(name, byteLength, structure.length));
        }
    }

    @Override
    public void close() {
        arena.close();
        descriptor.close();
    }

    @Override
    public String toString() {
        return "vCPU " + index;
    }
}
