// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.images.ElfCoreExport;
import io.godwit.store.images.MappedRamExport;
import io.godwit.store.images.RawExport;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code godwit store export}: a snapshot becomes a file that others read. */
@Command(
        name = "export",
        description = "Writes a snapshot to a new file that other programs read.",
        mixinStandardHelpOptions = true)
final class StoreExportCommand implements Callable<Integer> {
    /** What is written. */
    enum Form {
        /** QEMU's file with the capability mapped-ram. */
        MAPPED_RAM,
        /** One RAM block, byte for byte. */
        RAW,
        /** An ELF core. */
        ELF
    }

    @Parameters(index = "0", paramLabel = "STORE/NAME", description = "The snapshot.")
    private String address = "";

    @Parameters(index = "1", paramLabel = "FILE", description = "The file, which must not be there yet.")
    private Path file = Path.of("");

    @Option(
            names = "--form",
            defaultValue = "mapped_ram",
            description = "mapped_ram: for QEMU's -incoming file: with the capability mapped-ram. raw: one RAM block."
                    + " elf: a core for gdb, addresses are physical.")
    private Form form = Form.MAPPED_RAM;

    @Option(names = "--block", paramLabel = "NAME", description = "With raw: which RAM block; else the longest.")
    private Optional<String> block = Optional.empty();

    @Override
    public Integer call() {
        if (block.isPresent() && form != Form.RAW) {
            throw new CommandFailure("--block is for --form raw: the other forms have all blocks.");
        }
        try (Snapshot snapshot = StoreAddress.parse(address).open()) {
            switch (form) {
                case MAPPED_RAM -> MappedRamExport.write(snapshot, file);
                case RAW ->
                    RawExport.write(snapshot, blockIndex(snapshot.manifest().blocks()), file);
                case ELF -> ElfCoreExport.write(snapshot, file);
            }
        }
        return 0;
    }

    private int blockIndex(List<SavedBlock> blocks) {
        int found = -1;
        for (int i = 0; i < blocks.size(); i++) {
            boolean wanted = block.isPresent()
                    ? blocks.get(i).idstr().equals(block.get())
                    : found < 0
                            || blocks.get(i).byteLength() > blocks.get(found).byteLength();
            found = wanted ? i : found;
        }
        if (found < 0) {
            throw new CommandFailure("The snapshot has no such RAM block. It has: "
                    + blocks.stream().map(SavedBlock::idstr).collect(Collectors.joining(", ")) + ".");
        }
        return found;
    }
}
