// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * JSON texts and trees. Trees are built straight from the streaming parser and written straight to the streaming
 * generator: the mapper with its reflection would cost a short-lived command more time than all else it does.
 */
public final class Json {
    /** LIMIT: QMP commands nest five deep at most; no client needs more. */
    static final int MAX_NESTING = 64;

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_NESTING)
                    .maxNumberLength(400)
                    .build())
            .enable(JsonReadFeature.ALLOW_SINGLE_QUOTES)
            .build();

    private Json() {}

    /** A text that is no JSON. The message says where and why, in one line. */
    public static final class SyntaxException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        SyntaxException(String message) {
            super(message);
        }
    }

    /** A value that is written without ever being a tree: for what is asked for often. */
    @FunctionalInterface
    interface Written {
        /** Writes exactly one value. */
        void writeTo(JsonGenerator out);
    }

    /** An object without members. */
    public static ObjectNode object() {
        return NODES.objectNode();
    }

    /** An array without elements. */
    public static ArrayNode array() {
        return NODES.arrayNode();
    }

    /**
     * Reads exactly one value.
     *
     * @throws SyntaxException if the bytes are not one JSON value in UTF-8, nest too deep or name a member twice
     */
    public static JsonNode parse(byte[] utf8) {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), utf8)) {
            JsonToken first = parser.nextToken();
            if (first == null) {
                throw new SyntaxException("expecting value");
            }
            JsonNode value = read(parser, first);
            if (parser.nextToken() != null) {
                throw new SyntaxException("more after the value at byte "
                        + parser.currentTokenLocation().getByteOffset());
            }
            return value;
        } catch (JacksonException e) {
            // What breaks a limit has no place.
            String place = Optional.ofNullable(e.getLocation())
                    .map(location -> ", at byte " + location.getByteOffset())
                    .orElse("");
            throw new SyntaxException(e.getOriginalMessage().replaceAll("\\s+", " ") + place);
        }
    }

    /** Reads exactly one value, as {@link #parse(byte[])}. */
    public static JsonNode parse(String text) {
        return parse(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes a value on one line, in UTF-8, without a line end. */
    public static byte[] write(JsonNode value) {
        return write(value, ObjectWriteContext.empty());
    }

    /** Writes a value on one line, in UTF-8, without a line end; closes {@code to}. */
    static void write(Written value, OutputStream to) {
        try (JsonGenerator out = FACTORY.createGenerator(ObjectWriteContext.empty(), to)) {
            value.writeTo(out);
        }
    }

    /** A tree as a value among others. */
    static Written tree(JsonNode value) {
        return out -> write(out, value);
    }

    /** Writes a value for people: a line for each member, indented. */
    public static String writePretty(JsonNode value) {
        ObjectWriteContext pretty = new ObjectWriteContext.Base() {
            @Override
            public tools.jackson.core.PrettyPrinter getPrettyPrinter() {
                return new DefaultPrettyPrinter();
            }

            @Override
            public boolean hasPrettyPrinter() {
                return true;
            }
        };
        return new String(write(value, pretty), StandardCharsets.UTF_8);
    }

    private static byte[] write(JsonNode value, ObjectWriteContext context) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (JsonGenerator out = FACTORY.createGenerator(context, bytes)) {
            write(out, value);
        }
        return bytes.toByteArray();
    }

    /** The depth of the recursion is bounded by the parser's nesting limit. */
    private static JsonNode read(JsonParser parser, JsonToken token) {
        return switch (token) {
            case START_OBJECT -> readObject(parser);
            case START_ARRAY -> {
                ArrayNode array = NODES.arrayNode();
                for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
                    array.add(read(parser, t));
                }
                yield array;
            }
            case VALUE_STRING -> NODES.stringNode(parser.getString());
            case VALUE_NUMBER_INT -> integer(parser);
            case VALUE_NUMBER_FLOAT -> NODES.numberNode(parser.getDoubleValue());
            case VALUE_TRUE -> NODES.booleanNode(true);
            case VALUE_FALSE -> NODES.booleanNode(false);
            case VALUE_NULL -> NODES.nullNode();
            case NOT_AVAILABLE, END_OBJECT, END_ARRAY, PROPERTY_NAME, VALUE_EMBEDDED_OBJECT ->
                throw new SyntaxException("expecting value");
        };
    }

    private static ObjectNode readObject(JsonParser parser) {
        ObjectNode object = NODES.objectNode();
        for (JsonToken t = parser.nextToken(); t != JsonToken.END_OBJECT; t = parser.nextToken()) {
            String name = parser.currentName();
            if (object.has(name)) {
                throw new SyntaxException("duplicate key '" + name + "'");
            }
            object.set(name, read(parser, parser.nextToken()));
        }
        return object;
    }

    private static JsonNode integer(JsonParser parser) {
        return switch (parser.getNumberType()) {
            case INT, LONG -> NODES.numberNode(parser.getLongValue());
            case BIG_INTEGER, FLOAT, DOUBLE, BIG_DECIMAL -> NODES.numberNode(parser.getBigIntegerValue());
        };
    }

    private static void write(JsonGenerator out, JsonNode value) {
        switch (value.getNodeType()) {
            case OBJECT -> {
                out.writeStartObject();
                for (Map.Entry<String, JsonNode> member : value.properties()) {
                    out.writeName(member.getKey());
                    write(out, member.getValue());
                }
                out.writeEndObject();
            }
            case ARRAY -> {
                out.writeStartArray();
                for (JsonNode element : value.values()) {
                    write(out, element);
                }
                out.writeEndArray();
            }
            case STRING -> out.writeString(value.stringValue());
            case NUMBER -> writeNumber(out, value);
            case BOOLEAN -> out.writeBoolean(value.booleanValue());
            case NULL, MISSING, POJO, BINARY -> out.writeNull();
        }
    }

    private static void writeNumber(JsonGenerator out, JsonNode value) {
        switch (value.numberType()) {
            case INT, LONG -> out.writeNumber(value.longValue());
            case BIG_INTEGER -> out.writeNumber(value.bigIntegerValue());
            case FLOAT, DOUBLE, BIG_DECIMAL -> out.writeNumber(value.doubleValue());
            case null -> throw new IllegalArgumentException("no number: " + value);
        }
    }
}
