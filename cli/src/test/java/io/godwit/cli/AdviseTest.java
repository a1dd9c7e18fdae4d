// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit advise} before hosts that answer from a script. */
@Timeout(60)
class AdviseTest {
    private static final long GIB = 1L << 30;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int advise(ScriptedHost host, String... options) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        String[] words = new String[options.length + 3];
        words[0] = "advise";
        words[1] = "--qmp";
        words[2] = "tcp:127.0.0.1:" + host.port();
        System.arraycopy(options, 0, words, 3, options.length);
        return line.execute(words);
    }

    private JsonNode lastLine() {
        return Json.parse(out.toString().lines().reduce("", (_, line) -> line));
    }

    @Test
    void aGodwitTellsItsCurveInOneMeasurementAndTheAdviceIsACommand() throws Exception {
        try (ScriptedHost host = new ScriptedHost("Godwit 1", 16_384, 20_000)) {
            assertThat(advise(host, "--bandwidth", "1G", "--downtime-limit", "100ms"))
                    .as(err::toString)
                    .isZero();
            assertThat(out.toString().lines().findFirst())
                    .contains("After the first second: plain precopy will finish.");
            assertThat(out.toString())
                    .contains("25 % zero pages", "precopy-then-postcopy", "Advice: precopy.")
                    .contains("--set downtime-limit=100 --set max-bandwidth=1G URI");
            assertThat(host.asked("calc-dirty-rate"))
                    .hasSize(2)
                    .allSatisfy(arguments ->
                            assertThat(arguments.path("x-intervals").size()).isBetween(1, 8));
        }
    }

    @Test
    void aGuestThatDirtiesTooMuchIsKnownAfterOneSecondOfAQemu() throws Exception {
        try (ScriptedHost host = new ScriptedHost("v10.0.0", 200_000, 150_000)) {
            assertThat(advise(host, "--bandwidth", "100M")).as(err::toString).isZero();
            assertThat(out.toString().lines().findFirst())
                    .get()
                    .asString()
                    .startsWith("After the first second: plain precopy will not finish. Even at its calmest");
            assertThat(out.toString()).contains("Advice: precopy-then-postcopy", "this host does not tell");
            assertThat(host.asked("calc-dirty-rate"))
                    .hasSizeGreaterThan(3)
                    .allSatisfy(arguments ->
                            assertThat(arguments.path("mode").asString("")).isEqualTo("page-sampling"));
        }
    }

    @Test
    void aProgramIsToldWithNullForWhatNeverEnds() throws Exception {
        try (ScriptedHost host = new ScriptedHost("Godwit 1", 200_000, 150_000)) {
            assertThat(advise(host, "--bandwidth", "100M", "--json", "--watch", "1"))
                    .as(err::toString)
                    .isZero();
            assertThat(out.toString()).hasLineCount(2);
            JsonNode precopy = lastLine().path("outcomes").path(0);
            assertThat(precopy.path("verdict").asString("")).isEqualTo("will-not-finish");
            assertThat(precopy.path("reason").asString("")).contains("MiB");
            assertThat(precopy.path("totalMillis").path("best").isNull()).isTrue();
            assertThat(lastLine().path("advice").path("command").asString("")).startsWith("godwit migrate --qmp tcp:");
        }
    }

    @Test
    void aHostThatMeasuresNothingIsSaid() throws Exception {
        try (ScriptedHost host = new ScriptedHost("Godwit 1", -1, 0)) {
            assertThat(advise(host, "--bandwidth", "100M")).isEqualTo(1);
            assertThat(err.toString())
                    .contains("cannot be watched", "calc-dirty-rate")
                    .hasLineCount(1);
        }
    }

    private static ScriptedHost qemu72() throws IOException {
        ScriptedHost host = new ScriptedHost("Debian 1:7.2+dfsg-7+deb12u18+b3", 16_384, 20_000);
        host.old = true;
        return host;
    }

    @Test
    void aQemuOfBeforeTheTimeUnitIsAskedForWholeSeconds() throws Exception {
        try (ScriptedHost host = qemu72()) {
            assertThat(advise(host, "--bandwidth", "1G")).as(err::toString).isZero();
            assertThat(out.toString()).contains("Advice: precopy.");
            List<JsonNode> asked = host.asked("calc-dirty-rate");
            assertThat(asked.stream()
                            .skip(1)
                            .map(arguments -> arguments.path("calc-time").asLong()))
                    .containsExactly(1L, 1L, 2L);
            assertThat(asked.stream().skip(1)).noneMatch(arguments -> arguments.has("calc-time-unit"));
        }
    }

    @Test
    void aSmallGuestOfAnOldEmulatorIsNotPutAtRisk() throws Exception {
        try (ScriptedHost host = qemu72()) {
            host.memoryBytes = 64L << 20;
            assertThat(advise(host, "--bandwidth", "1G")).isEqualTo(1);
            assertThat(err.toString())
                    .contains("has 64 MiB", "cannot be foretold")
                    .hasLineCount(1);
            assertThat(host.asked("calc-dirty-rate"))
                    .as("with the unit that it refuses, and never again")
                    .hasSize(1);
        }
    }

    @Test
    void aGuestThatCannotBeMigratedIsSaidToBeSo() throws Exception {
        try (ScriptedHost host = new ScriptedHost("v10.0.2", 16_384, 20_000)) {
            host.blocked = List.of("non-migratable device: amd-iommu", "vvfat is in use");
            assertThat(advise(host, "--bandwidth", "1G")).isEqualTo(1);
            assertThat(out.toString()).isEmpty();
            assertThat(err.toString())
                    .contains("cannot be migrated: non-migratable device: amd-iommu; vvfat is in use.")
                    .hasLineCount(1);
        }
    }

    /** A host of 1 GiB whose guest sweeps over a set of pages; its measurements take no time. */
    private static final class ScriptedHost implements AutoCloseable {
        private final String version;
        private final double set;
        private final double pagesPerSecond;
        private final ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        private final List<String> names = new CopyOnWriteArrayList<>();
        private final List<JsonNode> arguments = new CopyOnWriteArrayList<>();
        private JsonNode measurement = Json.object();
        private volatile long memoryBytes = GIB;

        /** Knows no {@code calc-time-unit}, as QEMU 7.2.22, and answers as that does. */
        private volatile boolean old;

        private volatile List<String> blocked = List.of();

        ScriptedHost(String version, double set, double pagesPerSecond) throws IOException {
            this.version = version;
            this.set = set;
            this.pagesPerSecond = pagesPerSecond;
            Thread.ofVirtual().start(this::serve);
        }

        int port() {
            return listener.getLocalPort();
        }

        List<JsonNode> asked(String command) {
            return java.util.stream.IntStream.range(0, names.size())
                    .filter(i -> names.get(i).equals(command))
                    .mapToObj(arguments::get)
                    .toList();
        }

        private void serve() {
            try (Socket socket = listener.accept();
                    BufferedReader in = new BufferedReader(
                            new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
                ObjectNode greeting = Json.object();
                greeting.putObject("QMP").putObject("version").put("package", version);
                say(socket, greeting);
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    say(socket, answer(Json.parse(line)));
                }
            } catch (IOException e) {
                // The test is over.
            }
        }

        private static void say(Socket socket, JsonNode message) throws IOException {
            OutputStream to = socket.getOutputStream();
            to.write(Json.write(message));
            to.write('\n');
            to.flush();
        }

        private JsonNode answer(JsonNode request) {
            String command = request.path("execute").asString("");
            names.add(command);
            arguments.add(request.path("arguments"));
            ObjectNode answer = Json.object().put("id", request.path("id").asLong());
            if (command.equals("calc-dirty-rate") && set < 0) {
                answer.putObject("error")
                        .put("class", "CommandNotFound")
                        .put("desc", "The command calc-dirty-rate has not been found");
                return answer;
            }
            if (old && request.path("arguments").has("calc-time-unit")) {
                answer.putObject("error")
                        .put("class", "GenericError")
                        .put("desc", "Parameter 'calc-time-unit' is unexpected");
                return answer;
            }
            return answer.set("return", result(command, request.path("arguments")));
        }

        private JsonNode result(String command, JsonNode with) {
            return switch (command) {
                case "x-godwit-guest" -> {
                    ObjectNode guest = Json.object().put("memory-bytes", memoryBytes);
                    guest.putArray("vcpus").add(Json.object());
                    yield guest;
                }
                case "query-memory-size-summary" -> Json.object().put("base-memory", memoryBytes);
                case "query-migrate" -> {
                    ObjectNode migration = Json.object();
                    if (!blocked.isEmpty()) {
                        blocked.forEach(migration.putArray("blocked-reasons")::add);
                    }
                    yield migration;
                }
                case "query-kvm" -> Json.object().put("enabled", false).put("present", true);
                case "query-cpus-fast" -> Json.array().add(Json.object());
                case "calc-dirty-rate" -> {
                    measurement = measured(with);
                    yield Json.object();
                }
                case "query-dirty-rate" -> measurement;
                default -> Json.object();
            };
        }

        private JsonNode measured(JsonNode with) {
            long millis = with.path("calc-time").asLong() * (with.has("calc-time-unit") ? 1 : 1000);
            ObjectNode answer = Json.object()
                    .put("status", "measured")
                    .put("dirty-rate", Math.round(pages(millis) / 256 * 1000 / millis))
                    .put("sample-pages", with.path("sample-pages").asLong(512));
            if (with.has("x-intervals")) {
                answer.put("x-zero-share", 0.25);
                ArrayNode curve = answer.putArray("x-dirty-curve");
                for (JsonNode interval : with.path("x-intervals").values()) {
                    curve.add(Json.object()
                            .put("interval-ms", interval.asLong())
                            .put("pages", Math.round(pages(interval.asLong()))));
                }
            }
            return answer;
        }

        private double pages(long millis) {
            return Math.min(set, pagesPerSecond * millis / 1e3);
        }

        @Override
        public void close() throws IOException {
            listener.close();
        }
    }
}
