// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A table of plain text, its columns as wide as they must be. */
final class TextTable {
    private final List<String[]> rows = new ArrayList<>();
    private final boolean[] toTheRight;

    /** With the titles of the columns; one that starts with ">" is set to the right. */
    TextTable(String... titles) {
        toTheRight = new boolean[titles.length];
        String[] heads = new String[titles.length];
        for (int i = 0; i < titles.length; i++) {
            toTheRight[i] = titles[i].startsWith(">");
            heads[i] = toTheRight[i] ? titles[i].substring(1) : titles[i];
        }
        rows.add(heads);
    }

    void row(String... cells) {
        if (cells.length != toTheRight.length) {
            throw new IllegalArgumentException(cells.length + " cells for " + toTheRight.length + " columns");
        }
        rows.add(Arrays.stream(cells).map(TextTable::printable).toArray(String[]::new));
    }

    /** Names come from streams and guests: what would command a terminal becomes a question mark. */
    static String printable(String text) {
        return text.codePoints().noneMatch(Character::isISOControl)
                ? text
                : text.codePoints()
                        .map(c -> Character.isISOControl(c) ? '?' : c)
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
    }

    /** The lines, titles first. A new list. */
    List<String> lines() {
        int[] widths = new int[toTheRight.length];
        for (String[] row : rows) {
            for (int i = 0; i < row.length; i++) {
                widths[i] = Math.max(widths[i], row[i].length());
            }
        }
        List<String> lines = new ArrayList<>();
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < row.length; i++) {
                String padding = " ".repeat(widths[i] - row[i].length());
                line.append(i == 0 ? "" : "  ").append(toTheRight[i] ? padding + row[i] : row[i] + padding);
            }
            lines.add(line.toString().stripTrailing());
        }
        return lines;
    }
}
