// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.stream.StreamInspection;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A picture of a guest's memory: one cell for a number of neighbouring pages, which shows what most of them are. Its
 * characters tell as much as its colours.
 */
final class MemoryPicture {
    private static final int COLUMNS = 64;
    private static final int MAX_ROWS = 16;
    private static final int PIXEL_COLUMNS = 512;
    private static final int MAX_PIXEL_ROWS = 2048;
    private static final int GAP = 4;
    private static final int SMALL_PAGES = 256;

    /** What a page is, from what is told last to what is told first where as many pages are this as that. */
    enum Kind {
        ABSENT(0, ' ', "did not come", 0xffffff),
        ZERO(1, '.', "zero", 0xcfd8dc),
        SHARED(2, '=', "shared", 0xffa000),
        CONTENT(3, '#', "with content", 0x0d47a1);

        private final int number;
        private final char character;
        private final String meaning;
        private final int colour;

        Kind(int number, char character, String meaning, int colour) {
            this.number = number;
            this.character = character;
            this.meaning = meaning;
            this.colour = colour;
        }

        /** Of a page of a stream. */
        static Kind of(StreamInspection.PageKind kind) {
            return switch (kind) {
                case ABSENT -> ABSENT;
                case ZERO -> ZERO;
                case CONTENT -> CONTENT;
            };
        }
    }

    /** What the pages of a block are. */
    @FunctionalInterface
    interface Kinds {
        Kind of(long page);
    }

    private record Block(String name, long pages, Kinds kinds) {}

    private final List<Block> blocks = new ArrayList<>();

    /** Adds a RAM block. */
    void add(String name, long pages, Kinds kinds) {
        blocks.add(new Block(name, pages, kinds));
    }

    /** As lines of characters, blocks of less than a MiB left out. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        for (Block block : blocks) {
            if (block.pages() < SMALL_PAGES) {
                continue;
            }
            long scale = scale(block.pages(), COLUMNS * MAX_ROWS);
            lines.add("");
            lines.add(String.format(Locale.ROOT, "%s, a character for %s", block.name(), ByteSize.binary(scale << 12)));
            long cells = (block.pages() + scale - 1) / scale;
            for (long first = 0; first < cells; first += COLUMNS) {
                StringBuilder line = new StringBuilder("  |");
                for (long cell = first; cell < Math.min(first + COLUMNS, cells); cell++) {
                    line.append(kind(block, cell, scale).character);
                }
                lines.add(line.append('|').toString());
            }
        }
        if (!lines.isEmpty()) {
            lines.add("  '#' with content  '=' shared  '.' zero  ' ' did not come");
        }
        return lines;
    }

    /** As a picture in PNG, {@value #PIXEL_COLUMNS} pixels wide. */
    byte[] png() {
        long all = blocks.stream().mapToLong(Block::pages).sum();
        long scale = scale(all, (long) PIXEL_COLUMNS * MAX_PIXEL_ROWS);
        List<byte[]> rows = new ArrayList<>();
        for (Block block : blocks) {
            long cells = (block.pages() + scale - 1) / scale;
            for (long first = 0; first < cells; first += PIXEL_COLUMNS) {
                byte[] row = new byte[PIXEL_COLUMNS];
                for (int i = 0; i < PIXEL_COLUMNS && first + i < cells; i++) {
                    row[i] = (byte) kind(block, first + i, scale).number;
                }
                rows.add(row);
            }
            for (int i = 0; i < GAP; i++) {
                rows.add(new byte[PIXEL_COLUMNS]);
            }
        }
        int[] palette = new int[Kind.values().length];
        for (Kind kind : Kind.values()) {
            palette[kind.number] = kind.colour;
        }
        return Png.encode(PIXEL_COLUMNS, rows, palette);
    }

    /** What the colours of the picture mean. */
    static String legend() {
        List<String> parts = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            parts.add(String.format(Locale.ROOT, "#%06x %s", kind.colour, kind.meaning));
        }
        return String.join(", ", parts);
    }

    private static long scale(long pages, long cells) {
        long scale = 1;
        while (pages > scale * cells) {
            scale *= 2;
        }
        return scale;
    }

    /** What most pages of a cell are. */
    private static Kind kind(Block block, long cell, long scale) {
        int[] counts = new int[Kind.values().length];
        for (long page = cell * scale; page < Math.min((cell + 1) * scale, block.pages()); page++) {
            counts[block.kinds().of(page).number]++;
        }
        Kind most = Kind.ABSENT;
        for (Kind kind : Kind.values()) {
            most = counts[kind.number] >= counts[most.number] ? kind : most;
        }
        return most;
    }
}
