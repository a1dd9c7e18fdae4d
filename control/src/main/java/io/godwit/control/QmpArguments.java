// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.math.BigInteger;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The arguments of one command, or an object within them. Members are taken by name and type; what nobody has taken is
 * unexpected. Refusals have QEMU's wording, since clients look at it.
 */
final class QmpArguments {
    private final ObjectNode members;
    private final String prefix;
    private final Set<String> taken = new HashSet<>();

    QmpArguments(ObjectNode members) {
        this(members, "");
    }

    private QmpArguments(ObjectNode members, String prefix) {
        this.members = members;
        this.prefix = prefix;
    }

    /** A string that must be there. */
    String string(String name) {
        return optionalString(name).orElseThrow(() -> missing(name));
    }

    /** A string that may be there. */
    Optional<String> optionalString(String name) {
        return take(name).map(value -> {
            if (!value.isString()) {
                throw wrongType(name, "string");
            }
            return value.stringValue();
        });
    }

    /** A boolean that must be there. */
    boolean bool(String name) {
        return optionalBool(name).orElseThrow(() -> missing(name));
    }

    /** A boolean that may be there. */
    Optional<Boolean> optionalBool(String name) {
        return take(name).map(value -> {
            if (!value.isBoolean()) {
                throw wrongType(name, "boolean");
            }
            return value.booleanValue();
        });
    }

    /** An integer that may be there; what does not fit into 63 bits is refused. */
    OptionalLong optionalUnsigned(String name) {
        Optional<JsonNode> value = take(name);
        if (value.isEmpty()) {
            return OptionalLong.empty();
        }
        if (!value.get().isIntegralNumber()) {
            throw QmpException.generic("Parameter '" + prefix + name + "' expects uint64");
        }
        BigInteger number = value.get().bigIntegerValue();
        if (number.signum() < 0 || number.bitLength() > 63) {
            throw QmpException.generic(
                    "Parameter '" + prefix + name + "' expects uint64 up to " + Long.MAX_VALUE + ", not " + number);
        }
        return OptionalLong.of(number.longValue());
    }

    /** An integer of either sign that may be there; what does not fit into 64 bits is refused. */
    OptionalLong optionalInteger(String name) {
        return take(name).map(value -> OptionalLong.of(integer(name, value))).orElse(OptionalLong.empty());
    }

    /** Integers of either sign of an array that may be there. */
    Optional<List<Long>> optionalIntegers(String name) {
        return take(name).map(value -> {
            if (!value.isArray()) {
                throw wrongType(name, "array");
            }
            return value.values().stream()
                    .map(element -> integer(name + "[]", element))
                    .toList();
        });
    }

    private long integer(String name, JsonNode value) {
        if (!value.isIntegralNumber() || value.bigIntegerValue().bitLength() > 63) {
            throw wrongType(name, "integer");
        }
        return value.bigIntegerValue().longValue();
    }

    /** An object that must be there. */
    QmpArguments object(String name) {
        JsonNode value = take(name).orElseThrow(() -> missing(name));
        if (!(value instanceof ObjectNode object)) {
            throw wrongType(name, "object");
        }
        return new QmpArguments(object, prefix + name + ".");
    }

    /** Whether the member is there at all. */
    boolean has(String name) {
        return members.has(name);
    }

    /** The objects of an array that must be there. */
    List<QmpArguments> objects(String name) {
        JsonNode value = take(name).orElseThrow(() -> missing(name));
        if (!value.isArray()) {
            throw wrongType(name, "array");
        }
        return java.util.stream.IntStream.range(0, value.size())
                .mapToObj(i -> element(name + "[" + i + "]", value.get(i)))
                .toList();
    }

    /** Strings of an array that must be there. */
    List<String> strings(String name) {
        JsonNode value = take(name).orElseThrow(() -> missing(name));
        if (!value.isArray()) {
            throw wrongType(name, "array");
        }
        return value.values().stream()
                .map(element -> {
                    if (!element.isString()) {
                        throw wrongType(name + "[]", "string");
                    }
                    return element.stringValue();
                })
                .toList();
    }

    /** Refuses the first member that nobody has taken. */
    void rejectUnexpected() {
        rejectOthersThan(taken);
    }

    /** Refuses the first member of another name. */
    void rejectOthersThan(Collection<String> known) {
        for (String name : members.propertyNames()) {
            if (!known.contains(name)) {
                throw QmpException.generic("Parameter '" + prefix + name + "' is unexpected");
            }
        }
    }

    private QmpArguments element(String name, JsonNode value) {
        if (!(value instanceof ObjectNode object)) {
            throw wrongType(name, "object");
        }
        return new QmpArguments(object, prefix + name + ".");
    }

    private Optional<JsonNode> take(String name) {
        taken.add(name);
        return members.optional(name);
    }

    private QmpException missing(String name) {
        return QmpException.generic("Parameter '" + prefix + name + "' is missing");
    }

    private QmpException wrongType(String name, String expected) {
        return QmpException.generic("Invalid parameter type for '" + prefix + name + "', expected: " + expected);
    }
}
