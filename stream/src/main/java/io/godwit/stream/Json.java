// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** As much JSON as the vmdesc needs: objects, arrays, strings, whole numbers. */
sealed interface Json {
    /** LIMIT: the deepest nesting seen in QEMU is about 14; the parser recurses. */
    int MAX_DEPTH = 64;

    record Text(String value) implements Json {}

    record Whole(long value) implements Json {}

    record Items(List<Json> items) implements Json {}

    record Members(Map<String, Json> members, StreamPlace place) implements Json {
        Optional<Json> member(String name) {
            return Optional.ofNullable(members.get(name));
        }

        String text(String name) {
            if (member(name).orElse(null) instanceof Text(String value)) {
                return value;
            }
            throw place.fail("The vmdesc object has no text '" + name + "'.");
        }

        long whole(String name) {
            if (member(name).orElse(null) instanceof Whole(long value)) {
                return value;
            }
            throw place.fail("The vmdesc object has no number '" + name + "'.");
        }

        int count(String name) {
            long value = whole(name);
            place.requireAtMost("The number '" + name + "' of the vmdesc", Integer.MAX_VALUE, value);
            return (int) value;
        }

        List<Json> items(String name) {
            if (member(name).orElse(null) instanceof Items(List<Json> items)) {
                return items;
            }
            throw place.fail("The vmdesc object has no list '" + name + "'.");
        }
    }

    /** Reads {@code text} wholly; {@code place} is where its first character is. */
    static Json parse(String text, StreamPlace place) {
        var parser = new Parser(text, place);
        Json value = parser.value(0);
        parser.end();
        return value;
    }

    /** A quoted string. */
    static void quote(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (c < 0x20 || c > 0x7e) {
                        out.append(String.format("\\u%04X", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    /** Recursive descent, depth bounded. */
    final class Parser {
        private final String text;
        private final StreamPlace start;
        private int at;

        private Parser(String text, StreamPlace start) {
            this.text = text;
            this.start = start;
        }

        private StreamPlace place() {
            return new StreamPlace(start.position() + at, start.section());
        }

        private void end() {
            skipSpace();
            if (at != text.length()) {
                throw place().fail((text.length() - at) + " characters follow the JSON text.");
            }
        }

        private Json value(int depth) {
            if (depth > MAX_DEPTH) {
                throw place().fail("JSON nesting", "at most " + MAX_DEPTH + " levels", "more");
            }
            skipSpace();
            char c = peek();
            return switch (c) {
                case '{' -> members(depth);
                case '[' -> items(depth);
                case '"' -> new Text(string());
                default -> number();
            };
        }

        private Json members(int depth) {
            var here = place();
            var members = new LinkedHashMap<String, Json>();
            expect('{');
            skipSpace();
            if (peek() == '}') {
                at++;
                return new Members(members, here);
            }
            while (true) {
                skipSpace();
                String name = string();
                skipSpace();
                expect(':');
                if (members.putIfAbsent(name, value(depth + 1)) != null) {
                    throw place().fail("The JSON object has '" + name + "' twice.");
                }
                if (isLast('}')) {
                    return new Members(members, here);
                }
            }
        }

        private Json items(int depth) {
            var items = new ArrayList<Json>();
            expect('[');
            skipSpace();
            if (peek() == ']') {
                at++;
                return new Items(items);
            }
            while (true) {
                items.add(value(depth + 1));
                if (isLast(']')) {
                    return new Items(items);
                }
            }
        }

        private boolean isLast(char close) {
            skipSpace();
            char c = peek();
            if (c != ',' && c != close) {
                throw place().fail("JSON", "',' or '" + close + "'", "'" + c + "'");
            }
            at++;
            return c == close;
        }

        private String string() {
            expect('"');
            var found = new StringBuilder();
            while (true) {
                char c = peek();
                at++;
                if (c == '"') {
                    return found.toString();
                }
                if (c < 0x20) {
                    throw place().fail("A JSON string has the control character " + (int) c + ".");
                }
                found.append(c == '\\' ? escaped() : c);
            }
        }

        private char escaped() {
            char c = peek();
            at++;
            return switch (c) {
                case '"', '\\', '/' -> c;
                case 'n' -> '\n';
                case 't' -> '\t';
                case 'r' -> '\r';
                case 'b' -> '\b';
                case 'f' -> '\f';
                case 'u' -> unicode();
                default -> throw place().fail("Unknown JSON escape '\\" + c + "'.");
            };
        }

        private char unicode() {
            int value = 0;
            for (int i = 0; i < 4; i++) {
                int digit = Character.digit(peek(), 16);
                if (digit < 0) {
                    throw place().fail("A JSON \\u escape needs four hexadecimal digits.");
                }
                value = value * 16 + digit;
                at++;
            }
            return (char) value;
        }

        private Json number() {
            int from = at;
            if (peek() == '-') {
                at++;
            }
            while (at < text.length() && Character.isDigit(text.charAt(at))) {
                at++;
            }
            try {
                return new Whole(Long.parseLong(text, from, at, 10));
            } catch (NumberFormatException _) {
                throw place().fail("JSON", "an object, list, string or whole number", "'" + peek() + "'");
            }
        }

        private void expect(char wanted) {
            char c = peek();
            if (c != wanted) {
                throw place().fail("JSON", "'" + wanted + "'", "'" + c + "'");
            }
            at++;
        }

        private char peek() {
            if (at >= text.length()) {
                throw place().fail("The JSON text ends in the middle of a value.");
            }
            return text.charAt(at);
        }

        private void skipSpace() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }
    }
}
