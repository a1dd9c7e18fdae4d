// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.databind.node.ObjectNode;

/** Runs virsh for one domain. What goes wrong becomes a sentence that says what to do. */
record Virsh(QmpAddress.Libvirt domain) {
    private static final String PROGRAM = "virsh";

    /** What every shell leaves as it is. */
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:@%+,=-]+");

    /** LIMIT: QEMU's longest answer, its schema, has about 300 kB. */
    private static final int MAX_ANSWER_BYTES = 16 << 20;

    /** What virsh wrote, and how it ended. */
    private record Ended(int status, String output) {}

    /**
     * Starts virsh, without a shell between. Both outputs are one.
     *
     * @param extraEnvironment NAME, VALUE, NAME, VALUE ...
     * @throws QmpConnectionException if there is no virsh
     */
    Process start(List<String> arguments, String... extraEnvironment) {
        List<String> command = new ArrayList<>(List.of(PROGRAM));
        domain.connection().ifPresent(uri -> command.addAll(List.of("-c", uri)));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // Its sentences are read, so they are asked for in English.
        builder.environment().put("LC_ALL", "C.UTF-8");
        for (int i = 0; i + 1 < extraEnvironment.length; i += 2) {
            builder.environment().put(extraEnvironment[i], extraEnvironment[i + 1]);
        }
        try {
            Process process = builder.start();
            process.getOutputStream().close();
            return process;
        } catch (IOException e) {
            throw new QmpConnectionException(
                    "QMP " + domain + ": " + PROGRAM + " cannot be run: " + e.getMessage()
                            + ". Install libvirt's clients" + " (libvirt-clients on Debian, libvirt-client on Fedora).",
                    e);
        }
    }

    /** The option that names the domain; its name may begin with a dash. */
    String domainOption() {
        return "--domain=" + domain.name();
    }

    /**
     * Has libvirt pass a command to the domain's QEMU, and gives QEMU's answer.
     *
     * @throws QmpConnectionException if libvirt does not pass it, or no answer comes in time
     */
    ObjectNode monitorCommand(String name, ObjectNode request, AnswerWait answers, Duration timeout) {
        String text = new String(Json.write(request), StandardCharsets.UTF_8);
        Process process = start(List.of("-q", "qemu-monitor-command", domainOption(), "--cmd=" + text));
        try {
            FutureTask<Ended> ended = new FutureTask<>(() -> ended(process));
            Thread.ofVirtual().name("qmp-virsh").start(ended);
            Ended answer = answers.await(ended, "an answer to " + name + " through libvirt", timeout);
            if (answer.status() != 0) {
                throw new QmpConnectionException("QMP " + domain + ": " + failure(answer.output()));
            }
            return answer(answer.output());
        } finally {
            process.destroyForcibly();
        }
    }

    private static Ended ended(Process process) throws IOException, InterruptedException {
        try (InputStream output = process.getInputStream()) {
            byte[] bytes = output.readNBytes(MAX_ANSWER_BYTES);
            return new Ended(process.waitFor(), new String(bytes, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("virsh was ended", e);
        }
    }

    /** The answer is the one line that is an object; around it are empty lines and warnings. */
    private ObjectNode answer(String output) {
        Optional<String> line =
                output.lines().filter(text -> text.startsWith("{")).findFirst();
        try {
            if (line.isPresent() && Json.parse(line.get()) instanceof ObjectNode object) {
                return object;
            }
        } catch (Json.SyntaxException e) {
            throw new QmpConnectionException(
                    "QMP " + domain + ": what virsh printed is no answer: " + e.getMessage(), e);
        }
        throw new QmpConnectionException("QMP " + domain + ": virsh printed no answer: " + oneLine(output) + ".");
    }

    /** What virsh complained about, with what to do. */
    String failure(String output) {
        String said = oneLine(output);
        if (said.contains("failed to connect to the hypervisor")) {
            return "libvirt does not answer (" + said + "). Start its daemon (libvirtd, or virtqemud), or say which one"
                    + " with libvirt:" + domain.name() + ",uri=qemu:///system or LIBVIRT_DEFAULT_URI.";
        }
        if (said.contains("failed to get domain")) {
            return "libvirt knows no domain of this name or UUID. To see what it knows: virsh " + connectionWords()
                    + "list --all";
        }
        if (said.contains("domain is not running")) {
            return "the domain is shut off, so no QEMU answers. To start it: virsh " + connectionWords() + "start "
                    + word(domain.name());
        }
        if (said.contains("cannot acquire state change lock")) {
            return "libvirt is busy with this domain (" + said + "). To see with what: virsh " + connectionWords()
                    + "domjobinfo " + word(domain.name());
        }
        return "virsh says: " + said + ".";
    }

    /** As a shell takes it for one word, which is no option. */
    private static String word(String text) {
        String word = text.startsWith("-") ? "-- " : "";
        return word + (PLAIN.matcher(text).matches() ? text : "'" + text.replace("'", "'\\''") + "'");
    }

    /** As words of a command line to type; empty if virsh's own choice is taken. */
    private String connectionWords() {
        return domain.connection().map(uri -> "-c " + word(uri) + " ").orElse("");
    }

    private static String oneLine(String output) {
        return output.lines()
                .map(line -> line.startsWith("error: ") ? line.substring("error: ".length()) : line)
                .filter(line -> !line.isBlank())
                .collect(Collectors.joining("; "))
                .replaceAll("\\.$", "");
    }
}
