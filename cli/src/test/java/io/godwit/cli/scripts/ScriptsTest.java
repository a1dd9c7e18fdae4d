// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.scripts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.cli.architecture.SourceTree;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./godwit} finds its JDK, and the test summary counts what it should. */
class ScriptsTest {
    private static final Path ROOT = SourceTree.root();

    private record Outcome(int status, String output) {}

    @TempDir
    Path directory = Path.of("");

    @Test
    void godwitFindsItsJdkWhateverJavaHomeSays() throws Exception {
        needsBuiltApplication();
        Outcome outcome =
                run(Map.of("JAVA_HOME", "/nowhere"), ROOT.resolve("godwit").toString(), "--version");
        assertThat(outcome.output()).matches("godwit \\d+\\.\\d+\\.\\d+\\n");
        assertThat(outcome.status()).isZero();
    }

    @Test
    void godwitRunsThroughASymbolicLink() throws Exception {
        needsBuiltApplication();
        Path link = Files.createSymbolicLink(directory.resolve("godwit"), ROOT.resolve("godwit"));
        try {
            assertThat(run(Map.of(), link.toString(), "--version").output()).startsWith("godwit ");
        } finally {
            Files.delete(link);
        }
    }

    @Test
    void godwitRefusesTheWrongJdkByName() throws Exception {
        Outcome outcome = run(
                Map.of("GODWIT_JAVA_HOME", directory.toString()),
                ROOT.resolve("godwit").toString(),
                "--version");
        assertThat(outcome.status()).isEqualTo(1);
        assertThat(outcome.output())
                .contains("GODWIT_JAVA_HOME is " + directory)
                .contains("not a JDK 25");
    }

    @Test
    void summaryCountsEveryOutcomeAndKeepsTheReasons() throws Exception {
        Path report = Files.writeString(directory.resolve("TEST-a.xml"), """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuite name="a.B" tests="4" skipped="2" failures="1">
                  <testcase name="passes" classname="a.B" time="0.1"/>
                  <testcase name="passesWithOutput" classname="a.B" time="0.1">
                    <system-out><![CDATA[<failure message="not one"/>]]></system-out>
                  </testcase>
                  <testcase name="fails" classname="a.B" time="0.1">
                    <failure message="expected: &lt;1&gt;&#10;but was &quot;2&quot;" \
                    type="X"><![CDATA[trace]]></failure>
                  </testcase>
                  <testcase name="disabled" classname="a.B" time="0.1">
                    <skipped message="for a reason"/>
                  </testcase>
                  <testcase name="assumes" classname="a.B" time="0.1">
                    <skipped type="T"><![CDATA[org.opentest4j.TestAbortedException: Assumption failed: no <kvm> here
                	at a.B.assumes(B.java:1)
                ]]></skipped>
                  </testcase>
                </testsuite>
                """);
        Outcome outcome =
                run(Map.of(), "awk", "-f", ROOT.resolve("scripts/surefire.awk").toString(), report.toString());
        assertThat(outcome.output().lines())
                .containsExactly(
                        "FAILED\ta.B\tfails\texpected: <1> but was \"2\"",
                        "SKIPPED\ta.B\tdisabled\tfor a reason",
                        "SKIPPED\ta.B\tassumes\tno <kvm> here",
                        "TOTAL\t2\t1\t2");
    }

    private static void needsBuiltApplication() {
        assumeTrue(
                Files.exists(ROOT.resolve("target/app/stamp")), "target/app is not built; ./dev test builds it first");
    }

    private Outcome run(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(List.of(command)).redirectErrorStream(true);
        builder.environment().putAll(environment);
        builder.environment().put("GODWIT_NO_BUILD", "1");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Outcome(process.exitValue(), output);
    }
}
