// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.stream.StreamInspection.Ending;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a real QEMU writes is read to the last byte, and what we write is taken by it. */
@Tag("peer")
@Timeout(60)
final class QemuPeerTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    @Test
    void emptyMachineIsInspectedToTheLastByte() throws IOException {
        Path file = capture("-M", "none", "-S");
        StreamInspection found = inspect(file);
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.byteLength()).isEqualTo(Files.size(file));
        assertThat(found.configuration()).contains(Configuration.of("none"));
        assertThat(found.devices()).extracting(DeviceSection::idstr).containsExactly("timer", "globalstate");
    }

    @Test
    void pcIsInspectedToTheLastByte() throws IOException {
        Path file = capture("-M", "q35", "-m", "16", "-S");
        StreamInspection found = inspect(file);
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.byteLength()).isEqualTo(Files.size(file));
        assertThat(found.blocks()).extracting(block -> block.entry().idstr()).contains("pc.ram", "pc.bios", "pc.rom");
        assertThat(found.blocks())
                .allSatisfy(block -> assertThat(block.distinctPages())
                        .isEqualTo(block.entry().pageCount()));
        assertThat(found.devices())
                .extracting(DeviceSection::idstr)
                .contains("cpu", "hpet", "fw_cfg")
                .endsWith("globalstate");
        assertThat(found.devices().size()).isGreaterThan(20);
    }

    @Test
    void pcWithManyDevicesIsInspectedToTheLastByte() throws IOException {
        Path file = capture(
                "-M",
                "q35",
                "-m",
                "64",
                "-smp",
                "2",
                "-S",
                "-device",
                "virtio-net-pci",
                "-device",
                "virtio-scsi-pci",
                "-device",
                "virtio-balloon-pci",
                "-device",
                "virtio-rng-pci",
                "-device",
                "virtio-gpu-pci",
                "-device",
                "qemu-xhci",
                "-device",
                "usb-tablet",
                "-device",
                "e1000",
                "-device",
                "vmxnet3",
                "-device",
                "lsi53c895a",
                "-device",
                "megasas",
                "-device",
                "sdhci-pci",
                "-device",
                "i6300esb",
                "-device",
                "pvpanic",
                "-device",
                "vmgenid",
                "-device",
                "pcie-root-port,chassis=1,slot=1");
        StreamInspection found = inspect(file);
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.byteLength()).isEqualTo(Files.size(file));
        assertThat(found.devices().size()).isGreaterThan(40);
    }

    @Test
    void deviceThatSendsItsStateDuringSetupIsNamed() throws IOException {
        Path file = capture(
                "-M",
                "q35",
                "-m",
                "64,maxmem=1G",
                "-object",
                "memory-backend-ram,id=memory,size=256M",
                "-device",
                "virtio-mem-pci,memdev=memory",
                "-S");
        StreamInspection found = inspect(file);
        assertThat(found.complete()).isFalse();
        assertThat(found.remark()).contains("RAM goes on after a device section", "virtio-mem");
    }

    @Test
    void vmDescriptionOfPcIsWrittenAsQemuDoes() throws IOException {
        Path file = capture("-M", "q35", "-m", "16", "-S");
        byte[] stream = Files.readAllBytes(file);
        Recording seen = Recording.of(stream, 4096);
        assertThat(VmDescription.parse(seen.vmDescription).toJson()).isEqualTo(seen.vmDescription);
        ByteBuffer ours = StreamWriter.tail((Configuration) seen.events.getFirst(), 1, seen.devices);
        Bytes qemus = Bytes.copyOf(ByteBuffer.wrap(stream), stream.length - ours.limit(), ours.limit());
        int sections = seen.devices.stream().mapToInt(DeviceSection::byteLength).sum();
        assertThat(Bytes.copyOf(ours, sections, ours.limit() - sections))
                .isEqualTo(Bytes.copyOf(qemus.toBuffer(), sections, ours.limit() - sections));
    }

    @ParameterizedTest
    @ValueSource(strings = {"paused", "running"})
    void qemuTakesOurStream(String runState) throws IOException {
        var configuration = Configuration.of("none");
        DeviceSection timer = new VmStateBuilder("timer", 2)
                .u64("cpu_ticks_offset", 1)
                .buffer("unused", new byte[8])
                .u64("cpu_clock_offset", 2)
                .build("timer", 0);
        ByteBuffer out = ByteBuffer.allocate(8192);
        StreamWriter.header(out);
        StreamWriter.configuration(out, configuration);
        StreamWriter.ramSetup(out, 5, List.of());
        StreamWriter.command(out, new Command.SwitchoverStart());
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, 5));
        StreamWriter.endOfRamSection(out, 5);
        out.put(StreamWriter.tail(configuration, 10, List.of(timer, new GlobalState(runState, false).toSection())));
        Path file = directory.resolve("ours");
        byte[] stream = new byte[out.position()];
        out.get(0, stream);
        Files.write(file, stream);
        try (var qemu = QemuProcess.start("-M", "none", "-incoming", "defer")) {
            qemu.execute("{'execute': 'migrate-incoming', 'arguments': {'uri': 'exec:cat " + file + "'}}");
            assertThat(qemu.outcome()).isEqualTo("completed");
            assertThat(qemu.execute("{'execute': 'query-status'}")).contains("\"status\": \"" + runState + "\"");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void liveStreamEndsWithoutEndOfFileAndShutDecides(int status) throws IOException {
        var address = UnixDomainSocketAddress.of(directory.resolve("live"));
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address);
                var qemu = QemuProcess.start("-M", "q35", "-m", "16", "-S")) {
            qemu.capability("return-path");
            qemu.migrate("unix:" + address.getPath());
            var recording = new Recording();
            try (SocketChannel source = server.accept()) {
                receive(source, new StreamReader(recording, StreamLimits.DEFAULT), recording);
                send(source, new ReturnPathMessage.Shut(status));
                assertThat(qemu.outcome()).isEqualTo(status == 0 ? "completed" : "failed");
            }
            assertThat(recording.events).contains(new Command.OpenReturnPath(), new Command.Ping(1));
            assertThat(GlobalState.decode(recording.devices.getLast())).isEqualTo(new GlobalState("prelaunch", false));
        }
    }

    private static void receive(SocketChannel source, StreamReader reader, Recording recording) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
        int answered = 0;
        while (!reader.isComplete()) {
            if (source.read(buffer) < 0) {
                reader.endOfInput();
            }
            buffer.flip();
            reader.consume(buffer);
            buffer.compact();
            for (; answered < recording.events.size(); answered++) {
                if (recording.events.get(answered) instanceof Command.Ping(int value)) {
                    send(source, new ReturnPathMessage.Pong(value));
                }
            }
        }
    }

    private static void send(SocketChannel source, ReturnPathMessage message) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(message.byteLength());
        message.encode(out);
        out.flip();
        while (out.hasRemaining()) {
            source.write(out);
        }
    }

    private Path capture(String... arguments) throws IOException {
        Path file = directory.resolve("captured");
        captureWith(Optional.empty(), "file:" + file, arguments);
        return file;
    }

    private static void captureWith(Optional<String> capability, String uri, String... arguments) throws IOException {
        try (var qemu = QemuProcess.start(arguments)) {
            if (capability.isPresent()) {
                qemu.capability(capability.get());
            }
            qemu.migrate(uri);
            assertThat(qemu.outcome()).isEqualTo("completed");
        }
    }

    @Test
    void aBackgroundSnapshotIsReadWithoutPasses() throws IOException {
        Path file = directory.resolve("captured");
        captureWith(Optional.of("background-snapshot"), "exec:cat > " + file, "-M", "q35", "-m", "16");
        StreamInspection found = inspect(file);
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.passes()).isEmpty();
        assertThat(found.partCount()).isPositive();
        assertThat(found.devices()).isNotEmpty();
    }

    @Test
    void pagesThatLieInTheFileAreCountedThere() throws IOException {
        Path file = directory.resolve("captured");
        captureWith(Optional.of("mapped-ram"), "file:" + file, "-M", "q35", "-m", "16", "-S");
        StreamInspection found = inspect(file);
        assertThat(found.ending()).as("only a file can be read anywhere").isEqualTo(Ending.UNSUPPORTED);
        try (FileChannel channel = FileChannel.open(file)) {
            found = Inspector.inspect(channel, StreamLimits.DEFAULT);
        }
        assertThat(found.ending()).as(found.remark()).isEqualTo(Ending.COMPLETE);
        assertThat(found.devices().size()).isGreaterThan(20);
        StreamInspection.Block bios = found.blocks().stream()
                .filter(block -> block.entry().idstr().equals("pc.bios"))
                .findFirst()
                .orElseThrow();
        assertThat(bios.normalPages()).isPositive();
        long content = LongStream.range(0, bios.entry().pageCount())
                .filter(page -> bios.kinds().of(page) == StreamInspection.PageKind.CONTENT)
                .count();
        assertThat(content).isEqualTo(bios.normalPages());
    }

    @Test
    void aStreamOnABlockDeviceIsReadToItsEnd() throws IOException {
        Path file = capture("-M", "q35", "-S");
        Files.write(file, new byte[1 << 20], StandardOpenOption.APPEND);
        StreamInspection found = inspect(file);
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.trailingBytes()).isEqualTo(1 << 20);
        assertThat(found.byteLength()).isEqualTo(Files.size(file) - (1 << 20));
        assertThat(found.devices().size()).isGreaterThan(20);
    }

    private static StreamInspection inspect(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return Inspector.inspect(in);
        }
    }
}
