// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host.arbiter;

import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.LastRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** One call of a fencing program, which has ended: what it decided and what it said. */
final class AgentCall {
    private static final int MOST_BYTES = 4096;
    private static final long SHORTEST_LEASE_MILLIS = 1000;
    private static final long LONGEST_LEASE_MILLIS = 3_600_000;
    private static final Set<String> KEYS = Set.of("fencing", "lease", "host", "protection", "holder");

    private final String what;
    private final boolean agrees;
    private final Map<String, String> said;

    private AgentCall(String what, boolean agrees, Map<String, String> said) {
        this.what = what;
        this.agrees = agrees;
        this.said = said;
    }

    /**
     * Calls the program and waits for its end.
     *
     * @throws ArbiterException if it cannot be started, does not end in time, ends with a status other than 0 and 1, or
     *     says what it must not
     */
    static AgentCall run(String command, Duration limit, String... words) {
        String what = "'" + command + " " + words[0] + "'";
        List<String> line = new ArrayList<>(List.of("/bin/sh", "-c", command + " \"$@\"", "godwit"));
        line.addAll(List.of(words));
        try {
            Path output = Files.createTempFile("godwit-arbiter-", ".out");
            Path errors = Files.createTempFile("godwit-arbiter-", ".err");
            try {
                Process process = new ProcessBuilder(line)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(output.toFile())
                        .redirectError(errors.toFile())
                        .start();
                int status = statusOf(process, limit, what);
                if (status != 0 && status != 1) {
                    throw new ArbiterException(what + " ended with status " + status + ", which is neither yes (0) nor"
                            + " no (1). It said: " + text(errors).strip());
                }
                return new AgentCall(what, status == 0, words(text(output), what));
            } finally {
                Files.delete(output);
                Files.delete(errors);
            }
        } catch (IOException e) {
            throw new ArbiterException(what + " cannot be called: " + e.getMessage(), e);
        }
    }

    private static int statusOf(Process process, Duration limit, String what) {
        try {
            if (process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS)) {
                return process.exitValue();
            }
            throw new ArbiterException(what + " did not end within " + limit.toMillis() + " ms");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ArbiterException(what + " was interrupted", e);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private static String text(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            return new String(in.readNBytes(MOST_BYTES), StandardCharsets.UTF_8);
        }
    }

    private static Map<String, String> words(String output, String what) {
        Map<String, String> said = new HashMap<>();
        for (String line : output.lines().toList()) {
            String[] parts = line.strip().split(" ", 2);
            if (parts.length != 2 || !KEYS.contains(parts[0]) || said.put(parts[0], parts[1]) != null) {
                throw new ArbiterException(what + " printed the line '" + line
                        + "'. Each line is one of fencing NUMBER, lease MILLISECONDS, host NAME, protection UUID and"
                        + " holder NAME, and none comes twice.");
            }
        }
        return said;
    }

    /** Whether its status says yes. */
    boolean agrees() {
        return agrees;
    }

    Optional<String> text(String key) {
        return Optional.ofNullable(said.get(key));
    }

    Duration lease() {
        long millis = number("lease");
        if (millis < SHORTEST_LEASE_MILLIS || millis > LONGEST_LEASE_MILLIS) {
            throw refused("a lease is %d to %d ms long, not %d"
                    .formatted(SHORTEST_LEASE_MILLIS, LONGEST_LEASE_MILLIS, millis));
        }
        return Duration.ofMillis(millis);
    }

    long fencingNumber() {
        return number("fencing");
    }

    LastRun lastRun() {
        try {
            return new LastRun(text("host").orElse(""), text("protection").map(UUID::fromString));
        } catch (IllegalArgumentException e) {
            throw refused("its protection is no UUID");
        }
    }

    private long number(String key) {
        String digits = text(key).orElseThrow(() -> refused("it did not print a line '" + key + " NUMBER'"));
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            throw refused("its " + key + " is '" + digits + "', which is no number");
        }
    }

    ArbiterException refused(String why) {
        return new ArbiterException(what + " said yes, but " + why + "; the guest is not started");
    }
}
