// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Reads what the primary of COLO sends behind the end of its stream: checkpoint after checkpoint, each {@link
 * ColoMessage#CHECKPOINT_REQUEST}, {@link ColoMessage#VMSTATE_SEND} with sections of RAM and an end mark, {@link
 * ColoMessage#VMSTATE_SIZE} with a length and the devices. WIRE: the RAM section's number, its block list and the block
 * that CONTINUE means stay those of the stream.
 *
 * <p>Push style, one thread: see {@link StreamReader}, which makes it with {@link StreamReader#checkpoints}. After an
 * exception it is of no more use.
 */
public final class ColoReader {
    private enum State {
        REQUEST,
        SEND,
        SECTIONS,
        RAM,
        FOOTER,
        SIZE,
        DEVICES
    }

    private static final int SECTION_HEAD_BYTES = 5;

    private final ColoListener listener;
    private final StreamListener pages;
    private final RamSectionReader ram;
    private final StreamLimits limits;
    private final int ramSection;
    private State state = State.REQUEST;
    private SectionHeader section;
    private long position;
    private long checkpoints;
    private byte[] devices = new byte[0];
    private int devicesFilled;

    ColoReader(ColoListener listener, StreamListener pages, RamSectionReader ram, int ramSection, StreamLimits limits) {
        this.listener = listener;
        this.pages = pages;
        this.ram = ram;
        this.limits = limits;
        this.ramSection = ramSection;
        this.section = SectionHeader.ram(SectionKind.END, ramSection);
    }

    /** Whether the next byte, if any comes, begins a checkpoint. */
    public boolean isBetweenCheckpoints() {
        return state == State.REQUEST;
    }

    /** Takes all that is there wholly; what is not stays. */
    public void consume(ByteBuffer in) {
        boolean advanced = true;
        while (advanced) {
            int before = in.position();
            State was = state;
            advanced = step(in);
            position += in.position() - before;
            advanced |= state != was;
        }
    }

    /** What to tell of the connection's end, for which there is no right moment. */
    public StreamFormatException hungUp() {
        return place().incomplete(
                        isBetweenCheckpoints()
                                ? "the primary hung up after checkpoint " + checkpoints + "."
                                : "the primary hung up inside checkpoint " + (checkpoints + 1) + ".");
    }

    private StreamPlace place() {
        return new StreamPlace(position, "checkpoint " + (checkpoints + (isBetweenCheckpoints() ? 0 : 1)));
    }

    private boolean step(ByteBuffer in) {
        return switch (state) {
            case REQUEST -> {
                boolean there = message(ColoMessage.CHECKPOINT_REQUEST, in, State.SEND);
                if (there) {
                    listener.checkpointRequested();
                }
                yield there;
            }
            case SEND -> message(ColoMessage.VMSTATE_SEND, in, State.SECTIONS);
            case SECTIONS -> in.hasRemaining() && section(in);
            case RAM -> ramRecords(in);
            case FOOTER -> footer(in);
            case SIZE -> size(in);
            case DEVICES -> deviceBytes(in);
        };
    }

    private boolean message(ColoMessage due, ByteBuffer in, State next) {
        if (in.remaining() < ColoMessage.BYTES) {
            return false;
        }
        ColoMessage.require(due, in, place());
        state = next;
        return true;
    }

    private boolean section(ByteBuffer in) {
        int type = Byte.toUnsignedInt(in.get(in.position()));
        return switch (type) {
            case Wire.EOF -> {
                in.get();
                state = State.SIZE;
                listener.memoryEnded();
                yield true;
            }
            case Wire.SECTION_PART -> sectionBegins(in, SectionKind.PART);
            case Wire.SECTION_END -> sectionBegins(in, SectionKind.END);
            default ->
                throw place().fail(
                                "Section type in the memory of a checkpoint",
                                "0x0, 0x2 or 0x3",
                                "0x" + Integer.toHexString(type));
        };
    }

    private boolean sectionBegins(ByteBuffer in, SectionKind kind) {
        if (in.remaining() < SECTION_HEAD_BYTES) {
            return false;
        }
        in.get();
        requireRamSection("Section id in a checkpoint", in.getInt());
        section = SectionHeader.ram(kind, ramSection);
        ram.begin(kind);
        state = State.RAM;
        return true;
    }

    private void requireRamSection(String what, int id) {
        if (id != ramSection) {
            throw place().fail(what, Integer.toUnsignedString(ramSection) + " (ram)", Integer.toUnsignedString(id));
        }
    }

    private boolean ramRecords(ByteBuffer in) {
        if (ram.read(in, position)) {
            state = State.FOOTER;
            return true;
        }
        return false;
    }

    private boolean footer(ByteBuffer in) {
        if (in.remaining() < SECTION_HEAD_BYTES) {
            return false;
        }
        int type = Byte.toUnsignedInt(in.get());
        if (type != Wire.SECTION_FOOTER) {
            throw place().fail("Missing footer of section 'ram'", "0x7e", "0x" + Integer.toHexString(type));
        }
        requireRamSection("Section id in the footer of 'ram'", in.getInt());
        state = State.SECTIONS;
        pages.sectionEnd(section);
        return true;
    }

    private boolean size(ByteBuffer in) {
        if (in.remaining() < ColoMessage.BYTES + Long.BYTES) {
            return false;
        }
        ColoMessage.require(ColoMessage.VMSTATE_SIZE, in, place());
        long length = in.getLong();
        if (length <= 0 || length > limits.maxTailBytes()) {
            throw place().fail(
                            "Bytes of the devices of a checkpoint",
                            "1 to " + limits.maxTailBytes(),
                            Long.toUnsignedString(length));
        }
        devices = new byte[(int) length];
        devicesFilled = 0;
        state = State.DEVICES;
        return true;
    }

    private boolean deviceBytes(ByteBuffer in) {
        int taken = Math.min(in.remaining(), devices.length - devicesFilled);
        in.get(devices, devicesFilled, taken);
        devicesFilled += taken;
        if (devicesFilled < devices.length) {
            return false;
        }
        Bytes whole = Bytes.copyOf(Arrays.copyOf(devices, devices.length));
        devices = new byte[0];
        checkpoints++;
        state = State.REQUEST;
        listener.devicesArrived(whole);
        return true;
    }
}
