// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A busy Linux on the other machine of a PC, with memory above 4 GiB and with virtio devices, goes on elsewhere. */
@Tag("peer")
@Timeout(300)
class RestoreMachineTest {
    private static final int MEMORY_MEBIBYTES = 192;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void qemuIsThere() {
        Optional<String> missing = QemuProcess.missing().or(LinuxGuest::missing);
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    private String godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.status()).as(run.err()).isZero();
        return run.out();
    }

    private List<String> machine() throws Exception {
        Path disk = Files.write(directory.resolve("disk"), new byte[1 << 20]);
        List<String> machine = new ArrayList<>(
                LinuxGuest.prepare(directory).checkingArguments(MEMORY_MEBIBYTES, "pc,max-ram-below-4g=128M", "tcg"));
        machine.addAll(List.of("-drive", "if=none,id=disk,format=raw,file=" + disk));
        machine.addAll(List.of("-device", "virtio-blk-pci,drive=disk"));
        machine.addAll(List.of("-netdev", "hubport,hubid=0,id=net", "-device", "virtio-net-pci,netdev=net"));
        machine.addAll(List.of("-object", "rng-random,id=random,filename=/dev/urandom"));
        machine.addAll(List.of("-device", "virtio-rng-pci,rng=random"));
        return machine;
    }

    @Test
    void aGuestWithMemoryInTwoPlacesAndVirtioDevicesFindsAllOfItsMemoryUnchanged() throws Exception {
        List<String> machine = machine();
        String address = directory.resolve("store") + "/linux";
        int beats;
        try (QemuProcess source = QemuProcess.start(directory, "source", machine)) {
            String _ = source.awaitConsole(LinuxGuest.BEAT + 1, PATIENCE.multipliedBy(2));
            assertThat(godwit("capture", "--quit", "--qmp", source.qmpAddress(), address))
                    .contains("pc-i440fx", "Disks are not captured: disk (");
            beats = source.beats();
        }
        assertThat(godwit("inspect", address)).contains("virtio-blk", "virtio-net", "virtio-rng");
        List<String> waiting =
                Stream.concat(machine.stream(), Stream.of("-incoming", "defer")).toList();
        try (QemuProcess restored = QemuProcess.start(directory, "restored", waiting)) {
            String _ = godwit("restore", "--qmp", restored.qmpAddress(), address, "unix:" + directory.resolve("guest"));
            // The first one behind the restore began before it, so one more is needed that is wholly behind.
            String _ = restored.awaitConsole(LinuxGuest.BEAT + (beats + 2), PATIENCE);
            assertThat(restored.console()).noneMatch(line -> line.contains(LinuxGuest.WRONG));
        }
    }
}
