// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.CaptureSeries;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StorePlaces;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.stream.Configuration;
import io.godwit.stream.GlobalState;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** {@code godwit store} as people type it. */
class StoreCommandTest {
    private static final int PAGE = 4096;
    private static final int PAGES = 40;

    @TempDir
    Path directory = Path.of("");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private String store = "";

    @BeforeEach
    void importTwo() throws IOException {
        store = directory.resolve("store").toString();
        assertThat(run("import", file("one", 1), store + "/web/../x")).isEqualTo(1);
        assertThat(run("import", file("one", 1), store + "/first")).isZero();
        assertThat(out.toString()).contains("none, 39 pages with content, 1 of zeros; new to the store 39 pages");
        assertThat(run("import", file("two", 2), "--fact", "arguments=-M none", store + "/web/second"))
                .isZero();
        assertThat(out.toString()).contains("new to the store 1 pages");
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
    }

    private int run(String... words) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(Stream.concat(Stream.of("store"), Stream.of(words)).toArray(String[]::new));
    }

    /** A stream whose page n has the content n, but page 7 has {@code seventh}. */
    private String file(String name, int seventh) throws IOException {
        List<RamBlockEntry> blocks = List.of(RamBlockEntry.of("ram", (long) PAGES * PAGE));
        ByteBuffer bytes = ByteBuffer.allocate(PAGES * PAGE * 2);
        Configuration configuration = Configuration.of("none");
        StreamWriter.header(bytes);
        StreamWriter.configuration(bytes, configuration);
        StreamWriter.ramSetup(bytes, 2, blocks);
        StreamWriter.sectionHeader(bytes, SectionHeader.ram(SectionKind.END, 2));
        PageRecordWriter pages = new PageRecordWriter(blocks);
        for (int page = 0; page < PAGES; page++) {
            pages.pageHeader(bytes, 0, (long) page * PAGE);
            for (int i = 0; i < PAGE / Integer.BYTES; i++) {
                bytes.putInt(page == 7 ? 1000 + seventh : page);
            }
        }
        StreamWriter.endOfRamSection(bytes, 2);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(bytes.array(), bytes.arrayOffset(), bytes.position());
        ByteBuffer tail = StreamWriter.tail(configuration, 3, List.of(new GlobalState("paused", false).toSection()));
        all.write(tail.array(), tail.arrayOffset(), tail.limit());
        return Files.write(directory.resolve(name), all.toByteArray()).toString();
    }

    @Test
    void ofASeriesASnapshotThatIsReadStaysAndTheOthersGo() throws IOException {
        List<String> moments = List.of("2026-11-30T17-10-00Z", "2026-11-30T17-20-00Z", "2026-11-30T17-30-00Z");
        for (String moment : moments) {
            assertThat(run("import", file("one", 1), store + "/web/" + moment)).isZero();
        }
        ObjectPlace place = StorePlaces.at(store);
        CapturePlan plan = new CapturePlan(
                QmpAddress.parse("unix:/nowhere"),
                "tcp:127.0.0.1:0",
                Afterwards.KEEP_RUNNING,
                Optional.empty(),
                Duration.ofMinutes(1),
                OptionalLong.empty(),
                OptionalLong.empty());
        CaptureRuns runs = new CaptureRuns(plan, place, new PrintWriter(err, true), (_, _) -> {});
        CaptureSeries series = new CaptureSeries(new SnapshotName("web"), 1);
        try (Snapshot _ = Store.open(place).snapshot(new SnapshotName("web/" + moments.get(0)))) {
            runs.removeExpired(series);
        }
        assertThat(err.toString()).contains("web/" + moments.get(0), "could not be removed");
        assertThat(Store.open(place).snapshots())
                .contains(new SnapshotName("web/" + moments.get(0)), new SnapshotName("web/" + moments.get(2)))
                .doesNotContain(new SnapshotName("web/" + moments.get(1)));
        runs.removeExpired(series);
        assertThat(Store.open(place).snapshots()).doesNotContain(new SnapshotName("web/" + moments.get(0)));
    }

    @Test
    void lsAndShowTellWhatThereIs() {
        assertThat(run("ls", store)).isZero();
        assertThat(out.toString()).contains("first", "web/second", "none", "160 KiB");
        out.getBuffer().setLength(0);
        assertThat(run("show", "--json", store + "/web/second")).isZero();
        var shown = Json.parse(out.toString());
        assertThat(shown.path("facts").path("arguments").asString()).isEqualTo("-M none");
        assertThat(shown.path("devices").get(0).path("name").asString()).isEqualTo("globalstate");
        assertThat(shown.path("newPages").asLong()).isEqualTo(1);
    }

    @Test
    void diffNamesThePageThatDiffers() {
        assertThat(run("diff", store + "/first", store + "/web/second")).isZero();
        assertThat(out.toString()).contains("7000-7fff", "All devices are the same.");
    }

    @Test
    void diffTakesFilesAndLeavesNothingOfThem() throws IOException {
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        long before = compared(temporary);
        assertThat(run("diff", file("one", 1), file("two", 2))).isZero();
        assertThat(out.toString()).contains("7000-7fff", "All devices are the same.");
        out.getBuffer().setLength(0);
        assertThat(run("diff", store + "/first", file("one", 1))).isZero();
        assertThat(out.toString()).doesNotContain("7000-7fff");
        assertThat(run("diff", store + "/first", "file:" + directory.resolve("nothing")))
                .isEqualTo(1);
        assertThat(compared(temporary)).isEqualTo(before);
    }

    private static long compared(Path temporary) throws IOException {
        try (Stream<Path> files = Files.list(temporary)) {
            return files.filter(path -> path.getFileName().toString().startsWith("godwit-diff"))
                    .count();
        }
    }

    @Test
    void rmFreesWhatOnlyTheSnapshotUsed() {
        assertThat(run("rm", store + "/web/second")).isZero();
        assertThat(out.toString()).contains("is removed.", "1 packs removed, 0 written anew");
        assertThat(run("check", store)).isZero();
        assertThat(out.toString()).contains("1 snapshots and 1 packs");
    }

    @Test
    void checkEndsWith1AndNamesFileAndSnapshots() throws IOException {
        Path pack = Path.of(store, "packs", "00000001.pack");
        byte[] bytes = Files.readAllBytes(pack);
        bytes[17] ^= 1;
        Files.write(pack, bytes);
        assertThat(run("check", store)).isEqualTo(1);
        assertThat(out.toString())
                .contains("packs/00000001.pack is damaged: chunk 0", "Snapshots that need it: first, web/second.");
        assertThat(err.toString()).contains("is damaged in 1 files.");
        assertThat(run(
                        "export",
                        "--form",
                        "raw",
                        store + "/first",
                        directory.resolve("raw").toString()))
                .isEqualTo(1);
        assertThat(err.toString()).contains("is not what was written");
        assertThat(directory.resolve("raw")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            import FILE STORE/first                        | There is a snapshot 'first' in
            import FILE STORE/../x                         | is not 1 to 64 of
            import FILE name                               | is no STORE/NAME
            import FILE DIR/one/x                          | cannot be made
            import DIR/nowhere STORE/x                     | There is no file
            show STORE/none                                | There is no snapshot 'none' in
            ls DIR                                         | is no store: it has no file store.format.
            export STORE/first FILE                        | is there already, and stays as it is.
            export --form raw --block no STORE/first DIR/x | no such RAM block. It has: ram.
            export --block ram STORE/first DIR/x           | --block is for --form raw
            export --form elf STORE/first DIR/x            | It is not known where a machine 'none' has its memory
            rm STORE/none                                  | There is no snapshot 'none' in
            """)
    void whatCannotBeDoneIsSaidInOneSentenceWithStatus1(String words, String sentence) throws IOException {
        String file = file("again", 3);
        String[] arguments = words.replace("STORE", store)
                .replace("FILE", file)
                .replace("DIR", directory.toString())
                .split(" ", -1);
        assertThat(run(arguments)).isEqualTo(1);
        assertThat(err.toString()).contains(sentence).hasLineCount(1);
    }
}
