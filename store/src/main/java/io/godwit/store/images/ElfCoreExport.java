// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.pages.PageId;
import io.godwit.store.snapshots.Snapshot;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Writes a snapshot as an ELF core of 64 bits: the guest's physical memory, and the registers of its vCPUs where the
 * vmdesc tells them. Addresses are physical ones, for a debugger as well.
 */
public final class ElfCoreExport {
    private static final int EHDR_BYTES = 64;
    private static final int PHDR_BYTES = 56;
    private static final short ET_CORE = 4;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int READ_WRITE_EXECUTE = 7;
    private static final byte[] IDENT = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0};

    private ElfCoreExport() {}

    /** Writes {@code path}, which must not be there yet. */
    public static void write(Snapshot snapshot, Path path) {
        GuestLayout layout = GuestLayout.of(snapshot.manifest());
        byte[] notes = layout.architecture() == GuestLayout.X86_64 ? CpuNotes.of(snapshot.manifest()) : new byte[0];
        int headers = layout.regions().size() + 1;
        long notesAt = EHDR_BYTES + (long) headers * PHDR_BYTES;
        long unaligned = notesAt + notes.length + PageId.PAGE_BYTES - 1;
        long next = unaligned - unaligned % PageId.PAGE_BYTES;
        ByteBuffer head = ByteBuffer.allocate((int) notesAt).order(ByteOrder.LITTLE_ENDIAN);
        elfHeader(head, layout.architecture(), headers);
        programHeader(head, PT_NOTE, notesAt, 0, notes.length);
        try (ExportFile file = new ExportFile(path)) {
            for (GuestLayout.Region region : layout.regions()) {
                programHeader(head, PT_LOAD, next, region.address(), region.byteLength());
                memory(snapshot, region, file, next);
                next += region.byteLength();
            }
            file.write(0, head.flip());
            file.write(notesAt, notes, 0, notes.length);
            file.finish(next);
        }
    }

    private static void elfHeader(ByteBuffer out, short architecture, int programHeaders) {
        out.put(IDENT).putLong(0);
        out.putShort(ET_CORE).putShort(architecture).putInt(1);
        out.putLong(0).putLong(EHDR_BYTES).putLong(0).putInt(0);
        out.putShort((short) EHDR_BYTES).putShort((short) PHDR_BYTES).putShort((short) programHeaders);
        out.putShort((short) 0).putShort((short) 0).putShort((short) 0);
    }

    private static void programHeader(ByteBuffer out, int type, long offset, long address, long byteLength) {
        out.putInt(type).putInt(type == PT_LOAD ? READ_WRITE_EXECUTE : 0).putLong(offset);
        out.putLong(address).putLong(address).putLong(byteLength).putLong(type == PT_LOAD ? byteLength : 0);
        out.putLong(type == PT_LOAD ? PageId.PAGE_BYTES : 0);
    }

    private static void memory(Snapshot snapshot, GuestLayout.Region region, ExportFile file, long at) {
        long first = region.offset() / PageId.PAGE_BYTES;
        BlockPages.forEach(
                snapshot,
                region.block(),
                first,
                region.byteLength() / PageId.PAGE_BYTES,
                (page, content) -> file.write(at + (page - first) * PageId.PAGE_BYTES, content, 0, PageId.PAGE_BYTES));
    }
}
