// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.Store;
import io.godwit.store.images.ImageSource;
import io.godwit.store.images.StreamImport;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SnapshotWriter;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit store import}: a guest that somebody saved becomes a snapshot. */
@Command(
        name = "import",
        description = "Takes a guest into a store: what QEMU's migrate wrote to file: or exec:, with mapped-ram or"
                + " without; the same compressed by gzip, zstd, xz, lzop or bzip2; a save image of libvirt's.",
        mixinStandardHelpOptions = true)
final class StoreImportCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "FILE",
            description = "The saved guest; file:PATH,offset=N for one that begins at byte N; - for standard input.")
    private String file = "";

    @Parameters(
            index = "1",
            paramLabel = "STORE/NAME",
            description =
                    "Where to keep it: DIRECTORY/NAME or s3://BUCKET/PREFIX/NAME. A store is made where nothing is.")
    private String target = "";

    @Option(
            names = "--fact",
            paramLabel = "NAME=VALUE",
            description = "Something to remember of it, as arguments='-M q35 -m 2G'. May be given several times.")
    private Map<String, String> facts = new LinkedHashMap<>();

    @Override
    public Integer call() {
        StoreAddress address = StoreAddress.parse(target);
        Map<String, String> told = new LinkedHashMap<>();
        told.put("created", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        told.putAll(facts);
        try (ImageSource source = StreamFile.parse(file).open()) {
            Store store = Store.openOrCreate(address.place());
            try (SnapshotWriter writer = store.write(address.name())) {
                print(address, StreamImport.read(source, writer, told));
            }
        }
        return 0;
    }

    private void print(StoreAddress address, Manifest manifest) {
        PrintWriter out = spec.commandLine().getOut();
        Manifest.Counts counts = manifest.counts();
        out.println(String.format(
                Locale.ROOT,
                "%s: %s, %,d pages with content, %,d of zeros%s; new to the store %,d pages, %s",
                address,
                manifest.configuration().machine(),
                counts.content(),
                counts.zero(),
                counts.absent() == 0 ? "" : String.format(Locale.ROOT, ", %,d that never came", counts.absent()),
                counts.newPages(),
                ByteSize.binary(counts.newBytes())));
        out.flush();
    }
}
