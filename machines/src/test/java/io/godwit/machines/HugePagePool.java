// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Huge pages set aside for a test, if it may, and given back afterwards. */
final class HugePagePool implements AutoCloseable {
    private static final Path POOL = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");
    private static final Path COUNT = POOL.resolve("nr_hugepages");

    private final long added;

    private HugePagePool(long added) {
        this.added = added;
    }

    /** Sees to it that so many pages of 2 MiB are free, or ends the test as not possible here. */
    static HugePagePool reserve(long pages) {
        try {
            long missing = Math.max(0, pages - free());
            if (missing > 0) {
                if (!Files.isWritable(COUNT)) {
                    abort("this test needs " + pages + " free huge pages of 2 MiB and may not set them aside in "
                            + COUNT);
                }
                Files.writeString(COUNT, Long.toString(number("nr_hugepages") + missing));
            }
            HugePagePool pool = new HugePagePool(missing);
            if (free() < pages) {
                pool.close();
                abort("this test needs " + pages
                        + " huge pages of 2 MiB and the kernel did not find so much memory in one piece");
            }
            return pool;
        } catch (IOException e) {
            return abort("this kernel has no huge pages of 2 MiB: " + e.getMessage());
        }
    }

    /** Pages that nobody has or is promised. */
    static long free() throws IOException {
        return number("free_hugepages") - number("resv_hugepages");
    }

    private static long number(String file) throws IOException {
        return Long.parseLong(Files.readString(POOL.resolve(file)).strip());
    }

    @Override
    public void close() {
        try {
            if (added > 0) {
                Files.writeString(COUNT, Long.toString(Math.max(0, number("nr_hugepages") - added)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
