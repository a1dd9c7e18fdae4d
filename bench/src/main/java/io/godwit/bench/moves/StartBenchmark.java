// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.tools.ToolProvider;

/**
 * How long commands take from a built tree: {@code godwit --version} beside a Java program that says hello, and the
 * demonstration.
 */
public final class StartBenchmark {
    private static final String HELLO = """
            public class Hello {
                public static void main(String[] arguments) {
                    System.out.println("hello");
                }
            }
            """;

    private StartBenchmark() {}

    /** Measures the commands {@code runs} times in turn, the demonstration a few times. */
    public static void run(int runs) throws Exception {
        Path directory = Files.createTempDirectory("godwit-bench-");
        Path source = Files.writeString(directory.resolve("Hello.java"), HELLO);
        int result = ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, "-d", directory.toString(), source.toString());
        if (result != 0) {
            throw new IOException("the hello program does not compile");
        }
        String godwit = System.getProperty("godwit.launcher", "./godwit");
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Series hello = new Series("java hello", "ms");
        Series version = new Series("godwit --version", "ms");
        for (int i = 0; i < runs; i++) {
            hello.add(millis(List.of(java, "-cp", directory.toString(), "Hello")));
            version.add(millis(List.of(godwit, "--version")));
        }
        Series demo = new Series("godwit demo", "ms");
        for (int i = 0; i < Math.max(1, runs / 6); i++) {
            demo.add(millis(List.of(godwit, "demo")));
        }
        for (Series series : List.of(hello, version, demo)) {
            System.out.println(series);
        }
        System.out.printf(
                Locale.ROOT,
                "godwit --version takes %.2f times as long as a Java hello%n",
                version.median() / hello.median());
        Files.delete(directory.resolve("Hello.class"));
        Files.delete(source);
        Files.delete(directory);
    }

    private static double millis(List<String> command) throws IOException, InterruptedException {
        long begin = System.nanoTime();
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        int status = process.waitFor();
        if (status != 0) {
            throw new IOException(command + " ended with status " + status);
        }
        return (System.nanoTime() - begin) / 1e6;
    }
}
