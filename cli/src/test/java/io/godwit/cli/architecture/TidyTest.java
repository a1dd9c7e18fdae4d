// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What every source file must look like. */
class TidyTest {
    private static final int MAXIMUM_METHOD_LINES = 70;
    private static final int MAXIMUM_COLUMNS = 120;
    private static final int MAXIMUM_FILE_LINES = 600;
    private static final int LONG_FILE_LINES = 400;
    private static final int MAXIMUM_LONG_FILES = 4;
    private static final Pattern LEFT_OVER = Pattern.compile("\\b(TO" + "DO|FIX" + "ME|X" + "XX)\\b");
    private static final Pattern EMPTY_NAME =
            Pattern.compile("(^|/)(util|utils|common|manager|impl|helper|helpers)(/|$)");

    @Test
    void methodsFitOnAScreen() {
        List<String> tooLong = new ArrayList<>();
        for (Path file : SourceTree.sources(".java")) {
            for (MethodLengths.Method method : MethodLengths.of(SourceTree.read(file))) {
                if (method.lineCount() > MAXIMUM_METHOD_LINES) {
                    tooLong.add(shown(file) + ":" + method.line() + " has " + method.lineCount() + " lines");
                }
            }
        }
        assertThat(tooLong)
                .as("methods longer than %d lines", MAXIMUM_METHOD_LINES)
                .isEmpty();
    }

    @Test
    void filesAreNotTooLong() {
        assertThat(SourceTree.sources(".java", ".c", ".S"))
                .filteredOn(file -> SourceTree.read(file).lines().count() > MAXIMUM_FILE_LINES)
                .as("files longer than %d lines", MAXIMUM_FILE_LINES)
                .isEmpty();
    }

    @Test
    void fewFilesAreLong() {
        assertThat(SourceTree.sources(".java", ".c", ".S"))
                .filteredOn(file -> SourceTree.read(file).lines().count() > LONG_FILE_LINES)
                .as("files longer than %d lines", LONG_FILE_LINES)
                .hasSizeLessThanOrEqualTo(MAXIMUM_LONG_FILES);
    }

    @Test
    void linesFitIntoTheColumns() {
        List<String> tooLong = new ArrayList<>();
        for (Path file : SourceTree.sources(".java", ".c", ".S")) {
            int number = 0;
            for (String line : SourceTree.read(file).split("\n", -1)) {
                number++;
                if (line.codePointCount(0, line.length()) > MAXIMUM_COLUMNS) {
                    tooLong.add(shown(file) + ":" + number);
                }
            }
        }
        assertThat(tooLong).as("lines of more than %d columns", MAXIMUM_COLUMNS).isEmpty();
    }

    @Test
    void everySourceNamesItsLicence() {
        assertThat(SourceTree.sources(".java", ".c", ".S"))
                .filteredOn(file -> !SourceTree.read(file)
                        .startsWith("// SPDX-License-Identifier: Apache-2.0\n// Copyright the Godwit authors\n"))
                .as("files without the licence header")
                .isEmpty();
    }

    @Test
    void scriptsNameTheirLicence() {
        Path root = SourceTree.root();
        assertThat(Stream.of(
                        "dev",
                        "godwit",
                        ".ci/run",
                        "scripts/launch.bash",
                        "scripts/peers.bash",
                        "scripts/surefire.awk"))
                .filteredOn(name ->
                        !SourceTree.read(root.resolve(name)).contains("# SPDX-License-Identifier: Apache-2.0\n"))
                .as("scripts without the licence header")
                .isEmpty();
    }

    @Test
    void nothingIsLeftForLater() {
        assertThat(SourceTree.sources(".java", ".c", ".S"))
                .filteredOn(file -> LEFT_OVER.matcher(SourceTree.read(file)).find())
                .as("files with work left for later")
                .isEmpty();
    }

    @Test
    void packagesHaveNamesThatSaySomething() {
        assertThat(packages())
                .filteredOn(directory -> EMPTY_NAME.matcher(shown(directory)).find())
                .as("packages named after nothing")
                .isEmpty();
    }

    @Test
    void everyMainPackageIsNullMarkedAndDescribed() {
        assertThat(packages())
                .filteredOn(directory -> shown(directory).contains("src/main/java/"))
                .filteredOn(directory -> {
                    Path info = directory.resolve("package-info.java");
                    return !Files.exists(info)
                            || !SourceTree.read(info).contains("@NullMarked")
                            || !SourceTree.read(info).contains("/**");
                })
                .as("packages without a package-info.java with a description and @NullMarked")
                .isEmpty();
    }

    @Test
    void methodLengthsAreFoundByTheirBraces() {
        String source = """
                class A {
                    int[] field = {1};
                    void first() { // }
                        call("}", '}');
                    }
                    record B(int x) {
                        B {
                            check(x);
                        }
                    }
                }
                """;
        assertThat(MethodLengths.of(source))
                .contains(new MethodLengths.Method("void first()", 3, 3), new MethodLengths.Method("B", 7, 3));
    }

    /** Directories that hold Java types; module-info.java alone does not make a package. */
    private static Set<Path> packages() {
        return SourceTree.sources(".java").stream()
                .filter(file -> !file.endsWith("module-info.java"))
                .map(file -> file.resolveSibling(""))
                .collect(Collectors.toSet());
    }

    private static String shown(Path file) {
        return SourceTree.root().relativize(file).toString();
    }
}
