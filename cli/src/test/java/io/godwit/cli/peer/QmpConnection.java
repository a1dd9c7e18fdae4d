// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A QMP session as plain text: QEMU writes each reply and event on a line of its own, and the tests look into lines.
 * Used by one thread.
 */
final class QmpConnection implements AutoCloseable {
    private final SocketChannel socket;
    private final Lines lines;
    private int commandCount;

    /** Takes over the socket, waits for the greeting and leaves the negotiation. */
    QmpConnection(String name, SocketChannel socket, Duration atMost) throws IOException, InterruptedException {
        this.socket = socket;
        this.lines = new Lines("qmp-" + name, Channels.newInputStream(socket));
        if (lines.await(0, line -> line.contains("\"QMP\""), atMost).isEmpty()) {
            throw new IOException(name + " sent no QMP greeting within " + atMost.toSeconds() + " s");
        }
        execute("qmp_capabilities", "{}", atMost);
    }

    /**
     * Runs a command.
     *
     * @param arguments a JSON object
     * @return the whole reply line
     * @throws IOException if the answer is an error, or there is none in time
     */
    String execute(String command, String arguments, Duration atMost) throws IOException, InterruptedException {
        String id = "\"id\": \"test-" + commandCount++ + "\"";
        int mark = lines.count();
        String request = "{\"execute\": \"" + command + "\", \"arguments\": " + arguments + ", " + id + "}\n";
        ByteBuffer bytes = ByteBuffer.wrap(request.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            socket.write(bytes);
        }
        String reply = lines.await(mark, line -> line.contains(id), atMost)
                .orElseThrow(() -> new IOException("no answer to " + command + " within " + atMost.toSeconds() + " s"));
        if (!reply.contains("\"return\"")) {
            throw new IOException(command + " failed: " + reply);
        }
        return reply;
    }

    /** Where the session is now, for {@link #awaitEvent}. */
    int mark() {
        return lines.count();
    }

    /** The first event, since the {@code mark}, whose line holds all of {@code words}. */
    Optional<String> awaitEvent(int mark, Duration atMost, String... words) throws InterruptedException {
        return lines.await(
                mark,
                line -> {
                    for (String word : words) {
                        if (!line.contains(word)) {
                            return false;
                        }
                    }
                    return line.contains("\"event\"");
                },
                atMost);
    }

    /** The value of a string or number member, wherever it is in {@code json}. */
    static Optional<String> member(String json, String name) {
        Matcher matcher = Pattern.compile("\"" + Pattern.quote(name) + "\": \"?([^\",}\\]]*)")
                .matcher(json);
        return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    String transcript() {
        return String.join("\n", lines.all());
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
