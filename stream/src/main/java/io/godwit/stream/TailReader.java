// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps everything from the first device section on, finds the end in the data and cuts it. The end is a place where
 * the bytes that have come end with: type 0, type 6, u32 length, JSON of that length. While bytes arrive, each such
 * mark is noted with the end it announces; only a note that announces the very end of what has come is tried.
 */
final class TailReader {
    private static final int MARK_BYTES = 6;
    /** LIMIT: random device state has one mark in 4 GiB; a guest that writes marks must not cost us memory. */
    private static final int MAX_MARKS = 4096;

    /**
     * LIMIT: each attempt may read the whole text; one is right, and a peer that writes many wrong ones wastes our
     * time.
     */
    private static final int MAX_ATTEMPTS = 64;

    private final StreamLimits limits;
    private int attempts;
    private long base;
    private byte[] kept = new byte[32 << 10];
    private int filled;
    private int scanned;
    private int[] marks = new int[16];
    private int markCount;
    private @Nullable StreamFormatException lastFailure;

    /** Device sections, the text that described them, and the stream position behind it. */
    record Tail(List<DeviceSection> sections, String vmDescription, long endPosition) {}

    TailReader(StreamLimits limits) {
        this.limits = limits;
    }

    /** The tail begins at this stream position. */
    void begin(long position) {
        base = position;
    }

    /** Takes everything, as far as the limit allows; the tail if it ends with what there is. */
    @Nullable
    Tail read(ByteBuffer in, StreamPlace place) {
        if (isFull()) {
            place.requireAtMost(
                    "Bytes of device sections and vmdesc", limits.maxTailBytes(), (long) filled + in.remaining());
        }
        int taken = Math.min(in.remaining(), limits.maxTailBytes() - filled);
        if (filled + taken > kept.length) {
            kept = Arrays.copyOf(
                    kept, (int) Math.min(limits.maxTailBytes(), Math.max(kept.length * 2L, filled + taken)));
        }
        in.get(kept, filled, taken);
        filled += taken;
        noteMarks();
        if (kept[filled - 1] != '}') {
            return null;
        }
        for (int i = 0; i < markCount; i++) {
            if (announcedEnd(marks[i]) == filled) {
                Tail tail = attempt(marks[i]);
                if (tail != null) {
                    return tail;
                }
            }
        }
        return null;
    }

    /** Whether no more bytes can be kept. */
    boolean isFull() {
        return filled == limits.maxTailBytes();
    }

    /** The tail if it ends before what has come. */
    @Nullable
    Tail findEnd() {
        StreamFormatException before = lastFailure;
        for (int i = 0; i < markCount; i++) {
            Tail tail = announcedEnd(marks[i]) < filled ? attempt(marks[i]) : null;
            if (tail != null) {
                return tail;
            }
        }
        lastFailure = before;
        return null;
    }

    /** What to say if no more bytes come. */
    StreamFormatException unfinished(StreamPlace place) {
        if (lastFailure != null) {
            return lastFailure;
        }
        Tail ended = findEnd();
        if (ended != null) {
            return new StreamPlace(ended.endPosition(), "")
                    .fail(base + filled - ended.endPosition() + " bytes follow the end of the stream.");
        }
        return place.incomplete("the stream ended in the device sections or the vmdesc, after " + filled
                + " bytes of them, or it has no vmdesc, without which device sections cannot be told apart.");
    }

    private void noteMarks() {
        // A mark needs the '{' after it.
        int end = filled - MARK_BYTES;
        for (; scanned < end; scanned++) {
            if (kept[scanned] == Wire.EOF
                    && kept[scanned + 1] == Wire.VM_DESCRIPTION
                    && kept[scanned + MARK_BYTES] == '{') {
                int length = lengthAt(scanned);
                if (length > 0 && length <= limits.maxVmDescriptionBytes()) {
                    addMark(scanned);
                }
            }
        }
    }

    private void addMark(int at) {
        if (markCount == MAX_MARKS) {
            throw new StreamPlace(base + at, "device sections").fail("More than " + MAX_MARKS + " marks of a vmdesc.");
        }
        if (markCount == marks.length) {
            marks = Arrays.copyOf(marks, markCount * 2);
        }
        marks[markCount++] = at;
    }

    private int lengthAt(int mark) {
        return ByteBuffer.wrap(kept).getInt(mark + 2);
    }

    private long announcedEnd(int mark) {
        return (long) mark + MARK_BYTES + lengthAt(mark);
    }

    /**
     * Cuts the tail as if it ended with this mark's vmdesc. A guest can write marks into its devices: a failure is only
     * remembered.
     */
    private @Nullable Tail attempt(int mark) {
        int jsonAt = mark + MARK_BYTES;
        if (++attempts > MAX_ATTEMPTS) {
            throw new StreamPlace(base + mark, "device sections").fail("More than " + MAX_ATTEMPTS + " wrong vmdescs.");
        }
        String json = new String(kept, jsonAt, lengthAt(mark), StandardCharsets.UTF_8);
        try {
            VmDescription description = VmDescription.parse(json, new StreamPlace(base + jsonAt, "vmdesc"));
            return new Tail(sections(description, mark), json, base + announcedEnd(mark));
        } catch (StreamFormatException e) {
            lastFailure = e;
            return null;
        }
    }

    private List<DeviceSection> sections(VmDescription description, int mark) {
        ByteBuffer in = ByteBuffer.wrap(kept, 0, mark);
        List<DeviceSection> sections = new SectionCutter(in, base).cut(description);
        if (in.hasRemaining()) {
            throw new StreamPlace(base + in.position(), "device sections")
                    .fail(in.remaining() + " bytes after the last device section that the vmdesc describes.");
        }
        return sections;
    }
}
