// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Reads QEMU's migration stream, version 3, as precopy, postcopy, file and snapshot streams have it.
 *
 * <p>Push style: the caller fills a big-endian buffer, calls {@link #consume}, compacts it and fills it again. All
 * bytes of records that are there wholly are taken; an incomplete record stays. A buffer of {@value #MIN_BUFFER_BYTES}
 * bytes is enough; a bigger one is faster.
 *
 * <p>Device sections have no length of their own: from the first of them on, everything is kept until the vmdesc has
 * arrived that says how to cut it. The end is found in the data, because a source with an open return path keeps the
 * connection open: it is where the bytes received so far end with a vmdesc by which the whole tail can be cut, footers
 * and all.
 *
 * <p>In postcopy the device sections come as the blob of {@link Command.Packaged}, see {@link PostcopyPackage}; behind
 * it come pages and PINGs, and the end mark without vmdesc. That postcopy's commands come in their order and name what
 * exists is checked here.
 *
 * <p>One thread at a time; another one may go on where consume has returned. After an exception the reader is of no
 * more use, unless {@link #resume} is possible.
 */
public final class StreamReader {
    /** Page record with the longest block name. */
    public static final int MIN_BUFFER_BYTES = 8 + 256 + Wire.PAGE_BYTES;

    /** Where the reader is. */
    public enum State {
        /** Before magic and version. */
        HEADER,
        /** Before or in the configuration section. */
        CONFIGURATION,
        /** Between sections. */
        SECTIONS,
        /** In the body of the RAM section. */
        RAM,
        /** Before the RAM section's footer. */
        FOOTER,
        /** In the blob of a PACKAGED command. */
        PACKAGED,
        /** In device sections, end of stream mark and vmdesc. */
        TAIL,
        /** Everything has been read. */
        COMPLETE,
        /** Something was wrong. */
        FAILED
    }

    private final StreamListener listener;
    private final StreamLimits limits;
    private final boolean snapshot;
    private boolean mayBeFollowed;
    private final ConfigurationReader configurationReader;
    private final RamSectionReader ram;
    private final TailReader tail;

    private State state = State.HEADER;
    private long position;
    private long recordPosition;
    private @Nullable SectionHeader section;
    private @Nullable SectionHeader ramStart;
    private boolean ramEnded;
    private final PackagedBlob packaged = new PackagedBlob();
    private final PostcopyOrder order = new PostcopyOrder();
    private boolean packagedSeen;
    private boolean stopRequested;

    /** A reader of migrations: every iterable section must have ended before the device sections. */
    public StreamReader(StreamListener listener, StreamLimits limits) {
        this(listener, limits, false);
    }

    private StreamReader(StreamListener listener, StreamLimits limits, boolean snapshot) {
        this.listener = listener;
        this.limits = limits;
        this.snapshot = snapshot;
        this.mayBeFollowed = snapshot;
        this.configurationReader = new ConfigurationReader(limits);
        this.ram = new RamSectionReader(listener, limits);
        this.tail = new TailReader(limits);
    }

    /**
     * A reader for looking, not for running. It also takes background snapshots, whose RAM section has no END, and
     * bytes behind the end of the stream: once {@link #isComplete}, {@link #position} is that end, and what the buffer
     * has is left there.
     */
    public static StreamReader forSnapshots(StreamListener listener, StreamLimits limits) {
        return new StreamReader(listener, limits, true);
    }

    /** Where the reader is. */
    public State state() {
        return state;
    }

    /** Bytes taken so far. */
    public long position() {
        return position;
    }

    /** Where the record that is being read or was read last begins. Not kept up to date for pages. */
    public long recordPosition() {
        return recordPosition;
    }

    /** Whether the whole stream has been read. */
    public boolean isComplete() {
        return state == State.COMPLETE;
    }

    /** What is being read, as errors name it: {@code section 'ram'}, {@code device sections}. */
    public String section() {
        return switch (state) {
            case HEADER -> "header";
            case CONFIGURATION -> "configuration";
            case RAM, FOOTER -> "section 'ram'";
            case PACKAGED -> "packaged command";
            case TAIL -> "device sections";
            case SECTIONS, COMPLETE, FAILED -> "";
        };
    }

    /**
     * Takes what there is between position and limit.
     *
     * @param in big-endian; its position is moved behind what was taken
     * @throws StreamFormatException if the bytes are not a stream that this version can take
     */
    public void consume(ByteBuffer in) {
        if (in.order() != ByteOrder.BIG_ENDIAN) {
            throw new IllegalArgumentException("The stream is big-endian, the buffer is not.");
        }
        if (state == State.FAILED) {
            throw new IllegalStateException("This reader has failed before; the stream cannot be followed further.");
        }
        boolean failed = true;
        try {
            stopRequested = false;
            boolean advanced = true;
            while (advanced && !stopRequested && in.hasRemaining()) {
                int before = in.position();
                State was = state;
                advanced = step(in);
                position += in.position() - before;
                advanced |= state != was;
            }
            failed = false;
        } finally {
            if (failed) {
                state = State.FAILED;
            }
        }
    }

    /**
     * Makes {@link #consume} return right behind the command that is being reported, whatever follows it in the buffer;
     * the next call goes on there. For the listener, in {@link StreamListener#command}. So the thread that has got
     * {@link Command.Packaged} can hand reader and buffer to another thread, which takes the pages while the first one
     * loads the devices.
     */
    public void stopConsuming() {
        stopRequested = true;
    }

    /**
     * Goes on with a new connection after the old one broke in postcopy (WIRE 9.4): commands come at once, without
     * header and configuration; block list and section id stay, the next page names its block, positions count from 0
     * again. What the caller's buffer still had of the old connection is lost: it must be cleared. Possible in any
     * state once PACKAGED has come wholly, after an error and after the end, too.
     *
     * @throws IllegalStateException if the guest has not been switched to postcopy yet
     */
    public void resume() {
        if (!isPostcopy()) {
            throw new IllegalStateException(
                    "A stream can go on over a new connection only after PACKAGED has come, reader state " + state
                            + ".");
        }
        order.reconnect();
        ram.forgetBlock();
        section = null;
        ramEnded = false;
        position = 0;
        recordPosition = 0;
        state = State.SECTIONS;
    }

    /**
     * From now on the block list may come again, as the only record of a PART section of RAM; see {@link
     * StreamListener#ramBlocksChanged}. For streams of a source with which that was agreed; in any other it is an
     * error, and so it is behind PACKAGED.
     */
    public void allowChangedBlockList() {
        if (!packagedSeen) {
            ram.allowChangedList();
        }
    }

    /**
     * The stream may have {@code mapped-ram}, whose pages lie in the file. Behind each block of the list the stream
     * goes on elsewhere: {@link #jump}.
     */
    public void allowMappedRam() {
        ram.allowMappedRam();
    }

    /**
     * For who only looks: pages by XBZRLE are told of, without their content, and flushes of multifd, whose pages go
     * over other connections. The buffer needs 3 bytes more than {@link #MIN_BUFFER_BYTES}.
     */
    public void allowOtherRecords() {
        ram.allowOtherRecords();
    }

    /**
     * Where the stream goes on, if not behind what {@link #consume} has taken: bytes from the beginning of the file. To
     * be asked after each consume. What the buffer still has is to be cleared, and {@link #continueAt} to be called.
     */
    public OptionalLong jump() {
        return ram.jump();
    }

    /** The next byte is this one of the stream; only after a {@link #jump}. */
    public void continueAt(long streamPosition) {
        position = streamPosition;
    }

    /**
     * What the stream was kept in may be longer than it: a block device, a file that was another before. What follows
     * its end is not looked at; once {@link #isComplete}, {@link #position} is that end.
     */
    public void allowBytesBehindTheEnd() {
        mayBeFollowed = true;
    }

    /** Whether PACKAGED has come wholly: only pages, PINGs and the end mark may follow. */
    public boolean isPostcopy() {
        return packagedSeen;
    }

    /** The block list, empty before it has been read. */
    public List<RamBlockEntry> ramBlocks() {
        return List.copyOf(ram.blocks());
    }

    /**
     * No more bytes will come. Where bytes may follow the end, it is found before them.
     *
     * @throws StreamFormatException if the stream is not complete; says what is missing
     */
    public void endOfInput() {
        if (state == State.COMPLETE) {
            return;
        }
        StreamPlace place = place();
        if (state == State.TAIL) {
            if (mayBeFollowed && endsWithin()) {
                return;
            }
            throw tail.unfinished(place);
        }
        throw place.incomplete("the stream ended too early, reader state " + state + ".");
    }

    /**
     * What reads the checkpoints that follow a stream with ENABLE_COLO, over the same connection and into the same
     * places.
     *
     * @throws IllegalStateException before {@link #isComplete}, or of a postcopy
     */
    public ColoReader checkpoints(ColoListener checkpointListener) {
        SectionHeader start = ramStart;
        if (state != State.COMPLETE || start == null || packagedSeen) {
            throw new IllegalStateException("Checkpoints follow a complete precopy, reader state " + state + ".");
        }
        ram.keepList();
        return new ColoReader(checkpointListener, listener, ram, start.sectionId(), limits);
    }

    private StreamPlace place() {
        return new StreamPlace(position, section());
    }

    /** Reads one record, or as many RAM records as there are. Returns whether it is worth calling again. */
    private boolean step(ByteBuffer in) {
        if (state != State.RAM && state != State.PACKAGED) {
            recordPosition = position;
        }
        return switch (state) {
            case HEADER -> header(in);
            case CONFIGURATION -> configuration(in);
            case SECTIONS -> betweenSections(in);
            case RAM -> ramRecords(in);
            case FOOTER -> footer(in);
            case PACKAGED -> packagedBytes(in);
            case TAIL -> tail(in);
            case COMPLETE -> behindTheEnd(in);
            case FAILED -> throw new IllegalStateException("A failed reader reads no more.");
        };
    }

    private boolean header(ByteBuffer in) {
        if (in.remaining() < 8) {
            return false;
        }
        int magic = in.getInt();
        int version = in.getInt();
        if (magic != Wire.MAGIC) {
            throw place().fail("Not a migration stream: magic", "0x5145564d", "0x" + Integer.toHexString(magic));
        }
        if (version == Wire.OBSOLETE_VERSION) {
            throw place().fail("Stream version 2 is obsolete", Wire.VERSION, version);
        }
        place().require("Stream version", Wire.VERSION, version);
        state = State.CONFIGURATION;
        return true;
    }

    private boolean configuration(ByteBuffer in) {
        Configuration read = configurationReader.read(in, place());
        if (read == null) {
            return configurationReader.hasAdvanced();
        }
        state = State.SECTIONS;
        ram.configure(read);
        listener.configuration(read);
        return true;
    }

    private boolean betweenSections(ByteBuffer in) {
        int type = Byte.toUnsignedInt(in.get(in.position()));
        return switch (type) {
            case Wire.EOF, Wire.SECTION_FULL -> beginTail(in, type);
            case Wire.SECTION_START -> sectionStart(in);
            case Wire.SECTION_PART -> sectionFollows(in, SectionKind.PART);
            case Wire.SECTION_END -> sectionFollows(in, SectionKind.END);
            case Wire.COMMAND -> command(in);
            case Wire.CONFIGURATION ->
                throw place().fail("A second configuration section; there is one, right after the header.");
            case Wire.SUBSECTION -> throw place().fail("A subsection outside of a device section.");
            case Wire.VM_DESCRIPTION -> throw place().fail("The vmdesc before the end of the stream.");
            default -> throw place().fail("Unknown section type", "0 to 4 or 8", "0x" + Integer.toHexString(type));
        };
    }

    private boolean beginTail(ByteBuffer in, int type) {
        if (order.isSwitched() && type == Wire.SECTION_FULL) {
            throw place().fail("A device section after the PACKAGED command, which has carried them all.");
        }
        if (!ramEnded && !(snapshot && ramStart != null)) {
            String what = (type == Wire.EOF ? "The end of the stream" : "A device section")
                    + " comes before the END of section 'ram'"
                    + (ramStart == null ? ", which has not even started." : ".")
                    + " Devices that send their state during setup (virtio-mem) are not supported.";
            throw type == Wire.EOF ? place().fail(what) : place().unsupported(what);
        }
        if (order.isSwitched()) {
            in.get();
            complete();
            return true;
        }
        tail.begin(position);
        state = State.TAIL;
        return true;
    }

    private void complete() {
        state = State.COMPLETE;
        listener.endOfStream();
    }

    private boolean sectionStart(ByteBuffer in) {
        int at = in.position();
        if (in.remaining() < 6 || !Wire.hasName(in, at + 5)) {
            return false;
        }
        int nameLength = Byte.toUnsignedInt(in.get(at + 5));
        if (in.remaining() < 6 + nameLength + 8) {
            return false;
        }
        int id = in.getInt(at + 1);
        in.position(at + 5);
        String idstr = Wire.takeName(in, place(), "The section's name");
        var header = new SectionHeader(SectionKind.START, id, idstr, in.getInt(), in.getInt());
        requireRam(header);
        ramStart = header;
        beginRam(header);
        return true;
    }

    private void requireRam(SectionHeader header) {
        String idstr = header.idstr();
        if (idstr.equals("dirty-bitmap")) {
            throw place().unsupported("Section 'dirty-bitmap' is not supported: turn the capability dirty-bitmaps off"
                    + " at the source.");
        }
        if (!idstr.equals(Wire.RAM_IDSTR)) {
            throw place().unsupported("Section '" + idstr
                    + "' is not supported: of devices that send their state in parts only 'ram' is.");
        }
        if (ramStart != null) {
            throw place().fail("Section 'ram' starts a second time.");
        }
        place().require("Instance of section 'ram'", 0, header.instanceId());
        place().require("Version of section 'ram'", Wire.RAM_VERSION, header.versionId());
    }

    private boolean sectionFollows(ByteBuffer in, SectionKind kind) {
        if (in.remaining() < 5) {
            return false;
        }
        int id = in.getInt(in.position() + 1);
        SectionHeader start = ramStart;
        if (start == null) {
            throw place().fail("Section id " + Integer.toUnsignedString(id) + " has a " + kind
                    + " but no START; no section has started yet.");
        }
        if (start.sectionId() != id) {
            throw place().fail(
                            "Unknown section id in a " + kind,
                            Integer.toUnsignedString(start.sectionId()) + " (ram)",
                            Integer.toUnsignedString(id));
        }
        if (ramEnded) {
            throw place().fail("Section 'ram' has a " + kind + " after its END.");
        }
        order.takePages(place());
        in.position(in.position() + 5);
        ramEnded = kind == SectionKind.END;
        beginRam(SectionHeader.ram(kind, id));
        return true;
    }

    private void beginRam(SectionHeader header) {
        section = header;
        state = State.RAM;
        ram.begin(header.kind());
        listener.sectionStart(header);
    }

    private boolean ramRecords(ByteBuffer in) {
        if (ram.read(in, position)) {
            state = State.FOOTER;
            return true;
        }
        return false;
    }

    private boolean footer(ByteBuffer in) {
        if (in.remaining() < 5) {
            return false;
        }
        SectionHeader header = section;
        if (header == null) {
            throw new IllegalStateException("A footer is due, but no section has begun.");
        }
        int type = Byte.toUnsignedInt(in.get());
        if (type != Wire.SECTION_FOOTER) {
            throw place().fail("Missing footer of section 'ram'", "0x7e", "0x" + Integer.toHexString(type));
        }
        place().require("Section id in the footer of 'ram'", header.sectionId(), in.getInt());
        section = null;
        state = State.SECTIONS;
        listener.sectionEnd(header);
        return true;
    }

    private boolean command(ByteBuffer in) {
        if (in.remaining() < 5) {
            return false;
        }
        int at = in.position();
        int id = Short.toUnsignedInt(in.getShort(at + 1));
        int length = Short.toUnsignedInt(in.getShort(at + 3));
        if (id == 0 || id > Wire.LAST_COMMAND) {
            throw place().fail("Unknown command", "an id of 1 to 11", id);
        }
        place().requireAtMost("Length of command " + id, Command.MAX_DATA_BYTES, length);
        if (in.remaining() < 5 + length) {
            return false;
        }
        ByteBuffer data = in.slice(at + 5, length);
        if (id == 7) {
            beginPackaged(data);
        } else {
            Command command = CommandDecoder.decode(id, data, place());
            order.take(command, ram.blocks(), place());
            if (command instanceof Command.PostcopyAdvise(var summary, var _)) {
                ram.advise(summary);
            }
            listener.command(command);
        }
        in.position(at + 5 + length);
        return true;
    }

    private void beginPackaged(ByteBuffer data) {
        place().require("Length of the PACKAGED command", 4, data.remaining());
        order.takePackaged(place());
        int blobBytes = data.getInt();
        place().requireAtMost(
                        "Blob of the PACKAGED command", limits.maxPackagedBytes(), Integer.toUnsignedLong(blobBytes));
        packaged.begin(blobBytes);
        state = State.PACKAGED;
        if (packaged.isWhole()) {
            endPackaged();
        }
    }

    private boolean packagedBytes(ByteBuffer in) {
        packaged.take(in);
        if (packaged.isWhole()) {
            endPackaged();
        }
        return true;
    }

    private void endPackaged() {
        var command = new Command.Packaged(packaged.end());
        packagedSeen = true;
        ram.keepList();
        state = State.SECTIONS;
        listener.command(command);
    }

    private boolean behindTheEnd(ByteBuffer in) {
        if (!mayBeFollowed) {
            throw place().fail(in.remaining() + " bytes follow the end of the stream.");
        }
        return false;
    }

    private boolean tail(ByteBuffer in) {
        if (mayBeFollowed && tail.isFull() && endsWithin()) {
            return true;
        }
        TailReader.Tail found = tail.read(in, place());
        if (found != null) {
            endTail(found);
        }
        return found != null || in.hasRemaining();
    }

    /** Whether the stream ended before the last byte that was taken, as one that was copied to a disk does. */
    private boolean endsWithin() {
        TailReader.Tail found = tail.findEnd();
        if (found != null) {
            position = found.endPosition();
            endTail(found);
        }
        return found != null;
    }

    private void endTail(TailReader.Tail found) {
        listener.deviceSections(List.copyOf(found.sections()), found.vmDescription());
        complete();
    }
}
