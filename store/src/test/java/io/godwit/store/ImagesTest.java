// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import io.godwit.store.care.Difference;
import io.godwit.store.images.ElfCoreExport;
import io.godwit.store.images.ImageSource;
import io.godwit.store.images.MappedRamExport;
import io.godwit.store.images.RawExport;
import io.godwit.store.images.StreamImport;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.RamBlockEntry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is taken in, and what is given out. */
class ImagesTest {
    private static final int PAGES = 700;

    @TempDir
    Path directory = Path.of("");

    private final SavedGuest guest = new SavedGuest(
            RamBlockEntry.of("pc.ram", (long) PAGES * SavedGuest.PAGE),
            RamBlockEntry.of("pc.bios", 64L * SavedGuest.PAGE));
    private Path root = Path.of("");

    @BeforeEach
    void fillGuest() {
        SplittableRandom random = new SplittableRandom(7);
        for (int page = 0; page < PAGES; page += 3) {
            guest.fillRandom(0, page, random);
        }
        guest.fill(1, 63, 5);
        root = directory.resolve("store");
        var _ = guest.importInto(Store.openOrCreate(root), "plain");
    }

    private Manifest importFile(String name, byte[] bytes) throws IOException {
        return importFile(name, Files.write(directory.resolve(name), bytes), 0);
    }

    private Manifest importFile(String name, Path file, long offset) {
        Store store = Store.open(root);
        try (ImageSource source = ImageSource.open(file, offset);
                SnapshotWriter writer = store.write(new SnapshotName(name))) {
            return StreamImport.read(source, writer, Map.of());
        }
    }

    private void assertSame(String name) {
        Store store = Store.open(root);
        try (Snapshot plain = store.snapshot(new SnapshotName("plain"));
                Snapshot other = store.snapshot(new SnapshotName(name))) {
            Difference difference = Difference.between(plain, other);
            assertThat(difference.blocks()).hasSize(2).allMatch(Difference.Block::isSame);
            assertThat(difference.devices()).isEmpty();
            assertThat(other.manifest().vmDescription())
                    .isEqualTo(plain.manifest().vmDescription());
        }
    }

    @Test
    void aStreamThatIsCompressedIsTheSameGuest() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(guest.stream());
        }
        assertThat(importFile("gz", bytes.toByteArray()).counts().newPages()).isZero();
        assertThat(importFile("zst", Zstd.compress(guest.stream())).counts().newPages())
                .isZero();
        assertSame("gz");
        assertSame("zst");
    }

    @Test
    void aCompressedStreamThatIsCutIsRefusedAndNothingIsStored() {
        byte[] whole = Zstd.compress(guest.stream());
        assertThatThrownBy(() -> importFile("cut", Arrays.copyOf(whole, whole.length / 2)))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("cut")
                .hasMessageContaining("othing was stored");
        assertThat(Store.open(root).snapshots()).containsExactly(new SnapshotName("plain"));
    }

    @Test
    void aSaveImageOfLibvirtHasItsXmlAndItsGuest() throws IOException {
        byte[] xml = "<domain type='kvm'/>\0".getBytes(StandardCharsets.US_ASCII);
        for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
            ByteBuffer header = ByteBuffer.allocate(92).order(order);
            header.put("LibvirtQemudSave".getBytes(StandardCharsets.US_ASCII))
                    .putInt(2)
                    .putInt(420);
            ByteArrayOutputStream image = new ByteArrayOutputStream();
            image.writeBytes(header.array());
            image.writeBytes(Arrays.copyOf(xml, 420));
            image.writeBytes(order == ByteOrder.LITTLE_ENDIAN ? guest.stream() : Zstd.compress(guest.stream()));
            Manifest manifest = importFile("libvirt-" + (order == ByteOrder.BIG_ENDIAN), image.toByteArray());
            assertThat(manifest.facts()).containsEntry("libvirt-xml", "<domain type='kvm'/>");
            assertSame("libvirt-" + (order == ByteOrder.BIG_ENDIAN));
        }
    }

    @Test
    void whatIsNoStreamIsRefusedByName() {
        assertThatThrownBy(
                        () -> importFile("text", "hello, this is no guest at all".getBytes(StandardCharsets.US_ASCII)))
                .hasMessageContaining("is not a whole stream: Stream byte 0 in header: Not a migration stream");
        assertThatThrownBy(() -> importFile("none", directory.resolve("nowhere"), 0))
                .hasMessage("There is no file " + directory.resolve("nowhere") + ".");
        assertThatThrownBy(() -> importFile("part", "LibvirtQemudPart............".getBytes(StandardCharsets.US_ASCII)))
                .hasMessageContaining("never finished");
    }

    @Test
    void bytesBehindTheEndAndBeforeTheBeginAreNoHarm() throws IOException {
        byte[] stream = guest.stream();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(new byte[4096]);
        bytes.writeBytes(stream);
        bytes.writeBytes(new byte[5000]);
        Path file = Files.write(directory.resolve("device"), bytes.toByteArray());
        var _ = importFile("within", file, 4096);
        assertSame("within");
    }

    @Test
    void aMappedRamFileThatWasExportedIsTheSameGuestAgain() {
        Path file = directory.resolve("mapped");
        try (Snapshot plain = Store.open(root).snapshot(new SnapshotName("plain"))) {
            MappedRamExport.write(plain, file);
            assertThatThrownBy(() -> MappedRamExport.write(plain, file)).hasMessageContaining("is there already");
        }
        Manifest manifest = importFile("mapped", file, 0);
        assertThat(manifest.counts().newPages()).isZero();
        assertThat(manifest.configuration().capabilities()).isEmpty();
        assertSame("mapped");
    }

    @Test
    void aRawBlockIsTheBlockByteForByte() throws IOException {
        Path file = directory.resolve("raw");
        try (Snapshot plain = Store.open(root).snapshot(new SnapshotName("plain"))) {
            RawExport.write(plain, 0, file);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(guest.block(0));
    }

    @Test
    void anElfCoreHasTheMemoryAtItsPhysicalAddress() throws IOException {
        Path file = directory.resolve("core");
        try (Snapshot plain = Store.open(root).snapshot(new SnapshotName("plain"))) {
            ElfCoreExport.write(plain, file);
        }
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(in.getInt(0)).isEqualTo(0x464c457f);
        assertThat(in.getShort(16)).as("ET_CORE").isEqualTo((short) 4);
        assertThat(in.getShort(18)).as("EM_X86_64").isEqualTo((short) 62);
        assertThat(in.getShort(56)).as("program headers").isEqualTo((short) 2);
        int load = 64 + 56;
        long offset = in.getLong(load + 8);
        assertThat(in.getLong(load + 24)).as("physical address").isZero();
        assertThat(in.getLong(load + 32)).isEqualTo((long) PAGES * SavedGuest.PAGE);
        byte[] memory = new byte[PAGES * SavedGuest.PAGE];
        in.get((int) offset, memory);
        assertThat(memory).isEqualTo(guest.block(0));
    }

    @Test
    void aDifferenceNamesPagesByRangeAndDevicesByField() {
        guest.fill(0, 10, 99).fill(0, 11, 99).fill(0, 13, 99).fill(1, 63, 0);
        Store store = Store.open(root);
        var _ = guest.importInto(store, "later");
        try (Snapshot plain = store.snapshot(new SnapshotName("plain"));
                Snapshot later = store.snapshot(new SnapshotName("later"))) {
            Difference difference = Difference.between(plain, later);
            assertThat(difference.blocks().get(0).ranges())
                    .containsExactly(new Difference.Range(10, 2), new Difference.Range(13, 1));
            assertThat(difference.blocks().get(1).differingPages()).isEqualTo(1);
            assertThat(difference.devices()).isEmpty();
        }
    }
}
