// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A host that answers QMP from a table, and refuses what is not in it. One session after the other. */
final class ScriptedQmp implements AutoCloseable {
    private final JsonNode version;
    private final Map<String, JsonNode> answers = new ConcurrentHashMap<>();
    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());

    private ScriptedQmp(String version) throws IOException {
        this.version = Json.parse(version);
        Thread.ofVirtual().start(this::serve);
    }

    static ScriptedQmp qemu(int major, int minor, int micro) throws IOException {
        return new ScriptedQmp("{\"qemu\": {\"major\": %d, \"minor\": %d, \"micro\": %d}, \"package\": \"v\"}"
                .formatted(major, minor, micro));
    }

    static ScriptedQmp godwit() throws IOException {
        return new ScriptedQmp("{\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 0}, \"package\": \"Godwit 1\"}");
    }

    /** From now on this is answered so. */
    ScriptedQmp answers(String command, String json) {
        answers.put(command, Json.parse(json));
        return this;
    }

    String address() {
        return "tcp:127.0.0.1:" + listener.getLocalPort();
    }

    List<String> asked() {
        return asked;
    }

    private void serve() {
        while (!listener.isClosed()) {
            try (Socket socket = listener.accept();
                    BufferedReader in = new BufferedReader(
                            new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
                ObjectNode greeting = Json.object();
                greeting.putObject("QMP").set("version", version);
                say(socket, greeting);
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    say(socket, answer(Json.parse(line)));
                }
            } catch (IOException e) {
                // The session is over.
            }
        }
    }

    private ObjectNode answer(JsonNode request) {
        String command = request.path("execute").asString("");
        asked.add(command);
        ObjectNode answer = Json.object().put("id", request.path("id").asLong());
        JsonNode known = command.equals("qmp_capabilities") ? Json.object() : answers.get(command);
        if (known == null) {
            answer.putObject("error").put("class", "CommandNotFound").put("desc", "no " + command);
        } else {
            answer.set("return", known);
        }
        return answer;
    }

    private static void say(Socket socket, JsonNode message) throws IOException {
        socket.getOutputStream().write(Json.write(message));
        socket.getOutputStream().write('\n');
        socket.getOutputStream().flush();
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
