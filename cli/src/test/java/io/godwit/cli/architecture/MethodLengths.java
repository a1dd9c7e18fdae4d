// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Finds the methods of a Java source file by its braces. Comments, strings and text blocks are blanked first; what is
 * left is regular enough, because the formatter wrote it.
 */
final class MethodLengths {
    /**
     * A method or constructor: where its body's brace opens, and how many lines the body spans, both braces included.
     */
    record Method(String header, int line, int lineCount) {}

    private static final Pattern TYPE = Pattern.compile("\\b(class|interface|enum|record|@interface)\\s+\\w+");
    private static final Pattern LITERALS = Pattern.compile(
            "//[^\\n]*|/\\*.*?\\*/|\"\"\".*?\"\"\"|\"(\\\\.|[^\"\\\\\\n])*\"|'(\\\\.|[^'\\\\\\n])+'", Pattern.DOTALL);

    private record Block(boolean isType, String header, int line) {}

    private MethodLengths() {}

    static List<Method> of(String source) {
        String code = LITERALS.matcher(source)
                .replaceAll(literal -> "\n".repeat((int)
                        literal.group().chars().filter(c -> c == '\n').count()));
        List<Method> methods = new ArrayList<>();
        Deque<Block> open = new ArrayDeque<>();
        int line = 1;
        int headerStart = 0;
        for (int i = 0; i < code.length(); i++) {
            switch (code.charAt(i)) {
                case '\n' -> line++;
                case ';' -> headerStart = i + 1;
                case '{' -> {
                    String header = code.substring(headerStart, i).strip();
                    open.push(new Block(TYPE.matcher(header).find(), header, line));
                    headerStart = i + 1;
                }
                case '}' -> {
                    Block closed = open.pop();
                    Block parent = open.peek();
                    if (parent != null && parent.isType() && !closed.isType()) {
                        methods.add(new Method(closed.header(), closed.line(), line - closed.line() + 1));
                    }
                    headerStart = i + 1;
                }
                default -> {}
            }
        }
        return methods;
    }
}
