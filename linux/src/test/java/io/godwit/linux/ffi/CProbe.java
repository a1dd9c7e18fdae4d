// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Compares our numbers and layouts with what a C compiler makes of the system's headers. Each package adds its own:
 * headers first, then macros and structures, then {@link #verify}.
 */
public final class CProbe {
    private static final String UNKNOWN = "unknown";

    private final StringBuilder source =
            new StringBuilder("#define _GNU_SOURCE\n#include <stddef.h>\n#include <stdio.h>\n");
    private final StringBuilder body = new StringBuilder("int main(void) {\n");
    private final Map<String, Long> expected = new LinkedHashMap<>();

    /** A probe that includes {@code headers}, for example {@code linux/kvm.h}. */
    public CProbe(String... headers) {
        for (String header : headers) {
            source.append("#include <").append(header).append(">\n");
        }
    }

    /** Adds C text after the headers, for what older headers lack. */
    public CProbe preamble(String text) {
        source.append(text).append('\n');
        return this;
    }

    /** A macro that the headers may be too old to know; then it is left out. */
    public CProbe macro(String name, long value) {
        body.append("#ifdef ").append(name).append('\n');
        expression(name, value);
        body.append("#else\nputs(\"").append(name).append('=').append(UNKNOWN).append("\");\n#endif\n");
        return this;
    }

    /** Every public static number of {@code constants}, by its name. */
    public CProbe macrosOf(Class<?> constants) {
        for (Field field : constants.getFields()) {
            if (Modifier.isStatic(field.getModifiers()) && field.getType().isPrimitive()) {
                try {
                    macro(field.getName(), field.getLong(null));
                } catch (IllegalAccessException impossible) {
                    throw new AssertionError(impossible);
                }
            }
        }
        return this;
    }

    /** The size of a structure, by its layout's name. */
    public CProbe size(StructLayout layout) {
        return expression("sizeof(" + cName(layout) + ")", layout.byteSize());
    }

    /** The size of a structure, and the offset and size of each of its named members. */
    public CProbe struct(StructLayout layout) {
        return size(layout).members(layout);
    }

    /** The offset and size of each named member of a structure. */
    public CProbe members(StructLayout layout) {
        for (MemoryLayout member : layout.memberLayouts()) {
            if (!(member instanceof PaddingLayout)) {
                String name = member.name().orElseThrow();
                expression("offsetof(" + cName(layout) + ", " + name + ")", LibcStructs.offset(layout, name));
                expression("sizeof(((" + cName(layout) + " *)0)->" + name + ")", member.byteSize());
            }
        }
        return this;
    }

    private static String cName(StructLayout layout) {
        return "struct " + layout.name().orElseThrow();
    }

    /** Any C expression that the compiler can print as a number. */
    public CProbe expression(String expression, long value) {
        expected.put(expression, value);
        body.append("printf(\"%s=%lld\\n\", \"")
                .append(expression)
                .append("\", (long long) (")
                .append(expression)
                .append("));\n");
        return this;
    }

    /** Compiles, runs and compares; returns the macros that the headers do not know. */
    public Set<String> verify(Path directory) throws IOException, InterruptedException {
        assumeTrue(hasCompiler(), "no gcc here: layouts cannot be compared with the system's headers");
        Path file = directory.resolve("probe.c");
        Path program = directory.resolve("probe");
        Files.writeString(file, source.append(body).append("return 0;\n}\n"));
        assertThat(run(List.of("gcc", "-std=gnu11", "-o", program.toString(), file.toString())))
                .as("output of gcc for %s", file)
                .isEmpty();
        Map<String, String> actual = new LinkedHashMap<>();
        for (String line : run(List.of(program.toString()))) {
            int separator = line.lastIndexOf('=');
            actual.put(line.substring(0, separator), line.substring(separator + 1));
        }
        Map<String, String> ours = new LinkedHashMap<>();
        expected.forEach(
                (name, value) -> ours.put(name, UNKNOWN.equals(actual.get(name)) ? UNKNOWN : value.toString()));
        assertThat(ours).as("our numbers, against the headers'").isEqualTo(actual);
        actual.values().removeIf(value -> !value.equals(UNKNOWN));
        return actual.keySet();
    }

    private static boolean hasCompiler() throws InterruptedException {
        try {
            return new ProcessBuilder("gcc", "--version")
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException absent) {
            return false;
        }
    }

    private static List<String> run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        List<String> lines = new ArrayList<>(process.inputReader().readAllLines());
        int status = process.waitFor();
        if (status != 0) {
            lines.add(command + " ended with status " + status);
        }
        return lines;
    }
}
