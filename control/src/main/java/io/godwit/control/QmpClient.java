// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.time.Duration;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Drives a host over QMP: Godwit's or QEMU's, over a socket or through libvirt.
 *
 * <p>Threads: any may call. Every wait has a deadline.
 */
public interface QmpClient extends AutoCloseable {
    /**
     * Connects, waits for the greeting and negotiates.
     *
     * @throws QmpConnectionException if nobody answers there, or what answers does not speak QMP within the timeout
     */
    static QmpClient connect(QmpAddress address, Duration timeout) {
        return switch (address) {
            case QmpAddress.Libvirt libvirt -> LibvirtClient.connect(libvirt, timeout);
            case QmpAddress.Tcp _, QmpAddress.Unix _ -> QmpSocketClient.connect(address, timeout);
        };
    }

    /** Whom this talks to. */
    QmpAddress address();

    /** What the server said first: version and package. */
    ObjectNode greeting();

    /** Whether the server is Godwit, and so knows the commands that start with {@code x-godwit-}. */
    default boolean isGodwit() {
        return greeting()
                .path("QMP")
                .path("version")
                .path("package")
                .asString("")
                .startsWith("Godwit");
    }

    /** Executes a command without arguments. */
    default JsonNode execute(String command, Duration timeout) {
        return execute(command, Json.object(), timeout);
    }

    /**
     * Executes a command and gives what it returns.
     *
     * @throws QmpException if the server refuses it
     * @throws QmpConnectionException if the connection is lost or no answer comes in time
     */
    JsonNode execute(String command, ObjectNode arguments, Duration timeout);

    /**
     * Whether it takes {@link #executeOutOfBand}. A QEMU whose main thread waits for a page of its guest answers
     * nothing else.
     */
    default boolean takesOutOfBand() {
        return false;
    }

    /** As {@link #execute}, before all that it executes already, if it takes that and the command is one for it. */
    default JsonNode executeOutOfBand(String command, ObjectNode arguments, Duration timeout) {
        return execute(command, arguments, timeout);
    }

    /**
     * The next event, waiting for it no longer than the timeout. Over a socket an event that a command caused may come
     * before its answer; through libvirt answers and events have no order between them.
     */
    Optional<QmpEvent> nextEvent(Duration timeout) throws InterruptedException;

    /**
     * Has {@code told} run, by whoever waits, each time that an answer has not come after so long. The wait goes on up
     * to its own timeout.
     */
    void whenSilent(Duration after, Runnable told);

    /** Whether the server is still there, as far as is known. */
    boolean isConnected();

    /** Ends the connection; commands that wait fail. */
    @Override
    void close();

    /** What an answer returns; an error becomes a {@link QmpException}. */
    static JsonNode returned(ObjectNode answer) {
        JsonNode error = answer.path("error");
        if (error.isObject()) {
            throw new QmpException(
                    error.path("class").asString(QmpException.GENERIC_ERROR),
                    error.path("desc").asString("no description"));
        }
        return answer.path("return");
    }
}
