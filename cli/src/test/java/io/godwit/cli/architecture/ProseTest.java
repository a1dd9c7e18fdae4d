// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.environment.ThreadRole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What every text for people must keep to, and that it names nothing that is not there. */
class ProseTest {
    private static final int MAXIMUM_COLUMNS = 120;
    private static final int MAXIMUM_ARCHITECTURE_LINES = 200;
    private static final int MAXIMUM_WORDS = 35;
    private static final int MAXIMUM_MEAN_WORDS = 25;

    /** A thread's name where it is made, whole or its constant part; those of the engine are {@link ThreadRole}'s. */
    private static final Pattern THREAD =
            Pattern.compile("(?:\\.name\\((?:\\w+ \\+ )?|new Thread\\([^;]*, )\"([\\w-]+)\"");

    private static final Pattern PACKAGE = Pattern.compile(
            "(?:io\\.godwit\\.)?((?:linux|stream|engine|machines|host|control|cli|bench|testkit)(?:\\.[a-z]+)+)");
    private static final Pattern TYPE = Pattern.compile("([A-Z][a-z]+[A-Z]\\w*)(?:\\.\\w+)?");
    private static final Pattern WORD = Pattern.compile("\\w+");

    private static List<Markdown> texts = List.of();

    @BeforeAll
    static void readTexts() throws IOException {
        try (Stream<Path> files = Files.walk(SourceTree.root())) {
            texts = files.filter(file -> file.toString().endsWith(".md"))
                    .filter(file -> !shown(file).matches("(.*/)?(target|\\.[^/]*)/.*"))
                    .map(Markdown::of)
                    .toList();
        }
        assertThat(texts).hasSizeGreaterThan(5);
    }

    @Test
    void linesFitIntoAWindow() {
        List<String> tooLong = new ArrayList<>();
        for (Markdown text : texts) {
            for (int i = 0; i < text.lines().size(); i++) {
                String line = text.lines().get(i);
                if (line.length() > MAXIMUM_COLUMNS && !Markdown.isTable(line)) {
                    tooLong.add(shown(text.file()) + ":" + (i + 1) + " has " + line.length() + " columns");
                }
            }
        }
        assertThat(tooLong).as("lines longer than %d columns", MAXIMUM_COLUMNS).isEmpty();
    }

    @Test
    void architectureIsReadInOneGo() {
        assertThat(SourceTree.read(architecture().file()).lines())
                .as("lines of ARCHITECTURE.md")
                .hasSizeLessThanOrEqualTo(MAXIMUM_ARCHITECTURE_LINES);
    }

    @Test
    void sentencesAreUnderstoodTheFirstTime() {
        List<String> tooLong = new ArrayList<>();
        for (Markdown text : texts) {
            for (Markdown.Sentence sentence : text.sentences()) {
                if (sentence.words() > MAXIMUM_WORDS) {
                    tooLong.add(shown(text.file()) + ":" + sentence.line() + " has a sentence of " + sentence.words()
                            + " words: " + sentence.text());
                }
            }
        }
        assertThat(tooLong).as("sentences of more than %d words", MAXIMUM_WORDS).isEmpty();
    }

    @Test
    void sentencesAreShortOnAverage() {
        Map<String, Double> means = new TreeMap<>();
        for (Markdown text : texts) {
            text.sentences().stream()
                    .filter(sentence -> !sentence.inTable())
                    .mapToInt(Markdown.Sentence::words)
                    .average()
                    .ifPresent(mean -> means.put(shown(text.file()), mean));
        }
        means.values().removeIf(mean -> mean <= MAXIMUM_MEAN_WORDS);
        assertThat(means)
                .as("texts whose sentences have more than %d words on average", MAXIMUM_MEAN_WORDS)
                .isEmpty();
    }

    @Test
    void linksLeadSomewhere() {
        List<String> broken = new ArrayList<>();
        for (Markdown text : texts) {
            text.links()
                    .filter(link -> !link.contains("://") && !leadsSomewhere(text.file(), link))
                    .forEach(link -> broken.add(shown(text.file()) + " links to " + link));
        }
        assertThat(broken).as("links to files or headings that do not exist").isEmpty();
    }

    private static boolean leadsSomewhere(Path from, String link) {
        String[] parts = link.split("#", 2);
        Path to = parts[0].isEmpty() ? from : from.resolveSibling(parts[0]);
        return Files.exists(to)
                && (parts.length == 1 || Markdown.of(to).anchors().anyMatch(parts[1]::equals));
    }

    @Test
    void everyThreadIsInTheTable() {
        Set<String> named = mainSources()
                .flatMap(source -> THREAD.matcher(source).results())
                .map(thread -> thread.group(1))
                .collect(Collectors.toSet());
        Stream.of(ThreadRole.values()).map(ThreadRole::threadName).forEach(named::add);
        String table = architecture().tableRows().collect(Collectors.joining("\n"));
        assertThat(named)
                .as("names of threads in the code")
                .contains("mig-outgoing", "vcpu-", "qmp-accept", "host-end");
        assertThat(named)
                .as("threads that ARCHITECTURE.md does not list")
                .filteredOn(name -> !Pattern.compile(Pattern.quote(name) + "(?![a-z])")
                        .matcher(table)
                        .find())
                .isEmpty();
    }

    @Test
    void packagesThatAreNamedExist() {
        Set<String> packages = SourceTree.sources(".java").stream()
                .map(file -> shown(file.resolveSibling(""))
                        .replaceFirst(".*/java/io/godwit/?", "")
                        .replace('/', '.'))
                .collect(Collectors.toSet());
        List<String> named = architecture()
                .code()
                .map(PACKAGE::matcher)
                .filter(Matcher::matches)
                .map(name -> name.group(1))
                .toList();
        assertThat(named).as("packages that ARCHITECTURE.md names").contains("engine.memory");
        assertThat(named)
                .as("packages that ARCHITECTURE.md names and that do not exist")
                .filteredOn(name -> !packages.contains(name))
                .isEmpty();
    }

    @Test
    void typesThatAreNamedExist() {
        Set<String> words = new HashSet<>();
        SourceTree.sources(".java")
                .forEach(file -> WORD.matcher(SourceTree.read(file))
                        .results()
                        .map(MatchResult::group)
                        .forEach(words::add));
        List<String> unknown = new ArrayList<>();
        for (Markdown text : texts) {
            text.code()
                    .map(TYPE::matcher)
                    .filter(name -> name.matches() && !words.contains(name.group(1)))
                    .forEach(name -> unknown.add(shown(text.file()) + " names " + name.group(1)));
        }
        assertThat(unknown).as("types that no source knows").isEmpty();
    }

    private static Markdown architecture() {
        return Markdown.of(SourceTree.root().resolve("ARCHITECTURE.md"));
    }

    private static Stream<String> mainSources() {
        return SourceTree.sources(".java").stream()
                .filter(file -> shown(file).matches("(?!bench|testkit).*/src/main/.*"))
                .map(SourceTree::read);
    }

    private static String shown(Path file) {
        return SourceTree.root().relativize(file).toString();
    }
}
