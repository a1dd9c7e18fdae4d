// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** What a snapshot tells of where it comes from. */
final class SourceFacts {
    /** LIMIT: a fact of a snapshot has less than 64 KiB. */
    private static final int MAX_ARGUMENT_BYTES = 60_000;

    private SourceFacts() {}

    /** Asks for all that is known before the guest is captured. */
    static Map<String, String> of(
            QmpAddress address, QmpClient source, String state, List<Disk> disks, Duration patience) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("created", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        facts.put("source", address.toString());
        optional(source, "query-name", patience)
                .map(answer -> answer.path("name").asString(""))
                .filter(name -> !name.isEmpty())
                .ifPresent(name -> facts.put("guest", name));
        facts.put("version", version(source.greeting().path("QMP").path("version")));
        facts.put("state", state);
        if (address instanceof QmpAddress.Unix) {
            arguments(source, patience).ifPresent(words -> facts.put("arguments", words));
        }
        if (!disks.isEmpty()) {
            facts.put("disks", disks.stream().map(Disk::toString).collect(Collectors.joining(", ")));
        }
        return facts;
    }

    private static String version(JsonNode version) {
        JsonNode numbers = version.path("qemu");
        String text = "QEMU " + numbers.path("major").asInt(0) + "."
                + numbers.path("minor").asInt(0) + "." + numbers.path("micro").asInt(0);
        String pack = version.path("package").asString("");
        return pack.isEmpty() ? text : text + " (" + pack.strip() + ")";
    }

    private static Optional<JsonNode> optional(QmpClient source, String command, Duration patience) {
        try {
            return Optional.of(source.execute(command, patience));
        } catch (QmpException _) {
            return Optional.empty();
        }
    }

    /** QMP does not tell them. It tells the threads of the vCPUs, which on this machine lead to the process. */
    private static Optional<String> arguments(QmpClient source, Duration patience) {
        JsonNode vcpus = optional(source, "query-cpus-fast", patience).orElseGet(Json::array);
        long thread = vcpus.path(0).path("thread-id").asLong(0);
        if (thread <= 0) {
            return Optional.empty();
        }
        try {
            byte[] words = Files.readAllBytes(Path.of("/proc", Long.toString(thread), "cmdline"));
            String text = Stream.of(new String(words, StandardCharsets.UTF_8).split("\0"))
                    .map(SourceFacts::quoted)
                    .collect(Collectors.joining(" "));
            return Optional.of(text)
                    .filter(found -> found.contains("qemu"))
                    .filter(found -> found.getBytes(StandardCharsets.UTF_8).length <= MAX_ARGUMENT_BYTES);
        } catch (IOException _) {
            return Optional.empty();
        }
    }

    /** A word as a shell takes it. */
    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
