// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What people read of a Markdown file. Code blocks are left out.
 *
 * @param file where it is
 * @param lines its lines, those of code blocks blanked
 */
record Markdown(Path file, List<String> lines) {
    private static final Pattern FENCE = Pattern.compile("\\s*```.*");
    private static final Pattern LIST_MARK = Pattern.compile("^\\s*(?:[-*]|\\d+\\.) +");
    private static final Pattern CODE = Pattern.compile("`[^`]*`");
    private static final Pattern LINK = Pattern.compile("\\[([^]]*)]\\(([^)]*)\\)");
    private static final Pattern COLUMN = Pattern.compile("(?<!\\\\)\\|");
    private static final Pattern SPACE = Pattern.compile("\\s+");
    private static final Pattern SENTENCE_END = Pattern.compile("(?<=[.!?][)\"]?)\\s+(?=[(\"]?[A-Z0-9])");

    /**
     * A sentence.
     *
     * @param line where its paragraph begins, from 1
     * @param inTable whether it stands in a table, where half a sentence is enough
     */
    record Sentence(int line, boolean inTable, String text) {
        /** How many words it has; code in backticks is one. */
        int words() {
            return (int) SPACE.splitAsStream(text)
                    .filter(word -> word.chars().anyMatch(Character::isLetterOrDigit))
                    .count();
        }
    }

    /** Reads a file. */
    static Markdown of(Path file) {
        List<String> lines = new ArrayList<>();
        boolean inCode = false;
        for (String line : SourceTree.read(file).split("\n", -1)) {
            boolean isFence = FENCE.matcher(line).matches();
            lines.add(inCode || isFence ? "" : line);
            inCode ^= isFence;
        }
        return new Markdown(file, List.copyOf(lines));
    }

    /** Its sentences, headings left out. */
    List<Sentence> sentences() {
        List<Sentence> found = new ArrayList<>();
        StringBuilder paragraph = new StringBuilder();
        int begin = 1;
        for (int i = 0; i <= lines.size(); i++) {
            String line = i == lines.size() ? "" : lines.get(i);
            boolean isList = LIST_MARK.matcher(line).find();
            if (line.isBlank() || line.startsWith("#") || isTable(line) || isList) {
                addSentences(found, begin, false, paragraph.toString());
                paragraph.setLength(0);
                begin = i + 1;
            }
            if (isTable(line)) {
                int row = begin;
                COLUMN.splitAsStream(line).forEach(cell -> addSentences(found, row, true, cell));
            } else if (!line.startsWith("#")) {
                paragraph.append(LIST_MARK.matcher(line).replaceFirst("")).append(' ');
            }
        }
        return found;
    }

    private static void addSentences(List<Sentence> found, int line, boolean inTable, String text) {
        String plain = LINK.matcher(CODE.matcher(text).replaceAll("Code"))
                .replaceAll("$1")
                .replace("**", "");
        SENTENCE_END
                .splitAsStream(plain.strip())
                .filter(sentence -> !sentence.isBlank())
                .forEach(sentence -> found.add(new Sentence(line, inTable, sentence)));
    }

    /** Whether a line belongs to a table. */
    static boolean isTable(String line) {
        return line.stripLeading().startsWith("|");
    }

    /** The rows of all tables, without their rulers. */
    Stream<String> tableRows() {
        return lines.stream().filter(line -> isTable(line) && !line.startsWith("|--"));
    }

    /** Where its links lead, as written. */
    Stream<String> links() {
        return lines.stream()
                .flatMap(line -> LINK.matcher(CODE.matcher(line).replaceAll("")).results())
                .map(link -> link.group(2));
    }

    /** What stands in backticks. */
    Stream<String> code() {
        return lines.stream()
                .flatMap(line -> CODE.matcher(line).results())
                .map(MatchResult::group)
                .map(code -> code.replace("`", ""));
    }

    /** What a link to one of its headings ends with, as GitHub makes it. */
    Stream<String> anchors() {
        return lines.stream()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("^#+ ", "").toLowerCase(Locale.ROOT))
                .map(heading -> heading.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'));
    }
}
