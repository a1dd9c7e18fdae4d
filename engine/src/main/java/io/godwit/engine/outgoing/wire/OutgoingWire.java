// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.ColoDevices;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.StreamWriter;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * The forward stream but for its pages: header, commands, the block list, and the tail of devices. Used by {@code
 * mig-outgoing} only.
 */
public final class OutgoingWire implements AutoCloseable {
    /** The section number of {@code ram}; devices follow. The source may choose freely. */
    public static final int RAM_SECTION = 1;

    /**
     * LIMIT: what the header or the block list of one guest may take (1024 blocks are 270 KiB); a tail goes out in
     * parts of this.
     */
    private static final int CONTROL_BYTES = 1 << 20;

    private final Channel channel;
    private final WireMeter meter;
    private final NativeMemory control = NativeMemory.allocate(CONTROL_BYTES);
    private final ByteBuffer buffer = control.buffer(0, CONTROL_BYTES);

    public OutgoingWire(Channel channel, WireMeter meter) {
        this.channel = channel;
        this.meter = meter;
    }

    /** Header and configuration, and the first commands with them: each write wakes the destination. */
    public void announceGuest(Configuration configuration, List<Command> first) {
        send(b -> {
            int _ = StreamWriter.header(b) + StreamWriter.configuration(b, configuration);
            for (Command command : first) {
                int _ = StreamWriter.command(b, command);
            }
        });
    }

    /** One command. */
    public void command(Command command) {
        send(b -> StreamWriter.command(b, command));
    }

    /** Several commands together: as few system calls as their length allows. */
    public void commands(List<? extends Command> commands) {
        buffer.clear();
        for (Command command : commands) {
            if (command.byteLength() > buffer.remaining()) {
                write();
                buffer.clear();
            }
            if (command.byteLength() <= buffer.remaining()) {
                int _ = StreamWriter.command(buffer, command);
            } else {
                ByteBuffer whole = ByteBuffer.allocate(command.byteLength());
                int _ = StreamWriter.command(whole, command);
                inParts(whole.flip());
                buffer.clear();
            }
        }
        write();
    }

    /** The START section of {@code ram} with the list of blocks. */
    public void announceRam(List<RamBlockEntry> blocks) {
        send(b -> StreamWriter.ramSetup(b, RAM_SECTION, blocks));
    }

    /** A PART section of {@code ram} with another list of blocks. */
    public void changeRam(List<RamBlockEntry> blocks) {
        send(b -> StreamWriter.ramChange(b, RAM_SECTION, blocks));
    }

    /**
     * The list of blocks as the stream has it; for postcopy with the sizes of their pages where they are not ordinary.
     */
    public static List<RamBlockEntry> entries(List<RamBlock> ram, boolean forPostcopy) {
        return ram.stream()
                .map(block -> forPostcopy
                        ? RamBlockEntry.withPages(block.idstr(), block.usedLength(), block.pageBytes())
                        : RamBlockEntry.of(block.idstr(), block.usedLength()))
                .toList();
    }

    /** All devices, the end of the stream, and the description of the devices. */
    public void tail(Configuration configuration, List<DeviceSection> devices) {
        inParts(StreamWriter.tail(configuration, RAM_SECTION + 1, devices));
    }

    /** A word of COLO. */
    public void message(ColoMessage message) {
        send(message::encode);
    }

    /** The end of a checkpoint's memory, and its devices, described for who knows what to do with that. */
    public void checkpointDevices(Configuration configuration, List<DeviceSection> devices, boolean described) {
        ByteBuffer bytes = ColoDevices.encode(configuration, RAM_SECTION + 1, devices, described);
        send(b -> {
            int _ = StreamWriter.endOfStream(b);
            ColoMessage.VMSTATE_SIZE.encode(b);
            b.putLong(bytes.remaining());
            int length = Math.min(bytes.remaining(), b.remaining());
            b.put(bytes.slice(bytes.position(), length));
            bytes.position(bytes.position() + length);
        });
        inParts(bytes);
    }

    private void inParts(ByteBuffer bytes) {
        while (bytes.hasRemaining()) {
            int length = Math.min(bytes.remaining(), CONTROL_BYTES);
            send(b -> b.put(bytes.slice(bytes.position(), length)));
            bytes.position(bytes.position() + length);
        }
    }

    private void send(Consumer<ByteBuffer> record) {
        buffer.clear();
        record.accept(buffer);
        write();
    }

    private void write() {
        channel.write(control, 0, buffer.position());
        meter.sentBytes(buffer.position());
    }

    /** What the stream says about the guest itself. */
    public static Configuration configuration(String machineType, UUID identity, boolean withIdentity) {
        return withIdentity ? Configuration.of(machineType).withUuid(identity) : Configuration.of(machineType);
    }

    @Override
    public void close() {
        control.close();
    }
}
