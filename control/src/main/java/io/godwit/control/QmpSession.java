// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One client. The reader takes commands and carries them out in their order; the writer sends answers and events in the order in which they
 * were queued. A client that does not read its answers holds up nobody but itself; one that does not read its events is dropped.
 */
final class QmpSession {
    /** LIMIT: events of a long migration, some thousand passes, while the client looks away. */
    static final int QUEUE_LENGTH = 1024;

    private static final System.Logger LOG = System.getLogger(QmpSession.class.getName());
    private static final int READ_BYTES = 16 << 10;
    private static final long LAST_ANSWERS_NANOS = 1_000_000_000;

    /** What the writer sends. */
    private sealed interface Output {
        /** An answer or the greeting. {@code written} is told when it is. */
        record Answer(ObjectNode json, Runnable written) implements Output {}

        /** An event. */
        record Event(Notice notice) implements Output {}

        /** Nothing more comes. */
        record End() implements Output {}
    }

    private final SocketChannel channel;
    private final QmpCommands commands;
    private final Runnable ended;
    private final BlockingQueue<Output> queue = new LinkedBlockingQueue<>(QUEUE_LENGTH);
    private final CountDownLatch written = new CountDownLatch(1);
    private volatile boolean negotiated;

    QmpSession(SocketChannel channel, QmpCommands commands, Runnable ended) {
        this.channel = channel;
        this.commands = commands;
        this.ended = ended;
    }

    /** Starts both threads; the greeting is the first thing sent. */
    void start(String name) {
        ObjectNode greeting = Json.object();
        ObjectNode body = greeting.putObject("QMP");
        body.set("version", GodwitVersion.toJson());
        body.set("capabilities", Json.array());
        queue.add(new Output.Answer(greeting, () -> {}));
        Thread.ofVirtual().name(name + "-write").start(this::write);
        Thread.ofVirtual().name(name + "-read").start(this::read);
    }

    /** Queues an event if the client has negotiated. Never waits: a client whose queue is full is dropped. */
    void notice(Notice notice) {
        if (negotiated && !queue.offer(new Output.Event(notice))) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "QMP session dropped: its client left {0} events unread",
                    QUEUE_LENGTH);
            drop();
        }
    }

    /** Lets the writer send what is queued and then close; does not wait. */
    void finish() {
        if (!queue.offer(new Output.End())) {
            drop();
        }
    }

    /** Waits until all is sent after {@link #finish}, but no longer than the deadline, and closes. */
    void awaitWritten(long deadlineNanos) {
        try {
            if (!written.await(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                LOG.log(System.Logger.Level.DEBUG, "QMP session closed with answers unread");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        drop();
    }

    /** Closes at once. */
    void drop() {
        try {
            channel.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "closing a QMP session", e);
        }
    }

    private void read() {
        ByteBuffer in = ByteBuffer.allocate(READ_BYTES);
        JsonFramer framer = new JsonFramer(new JsonFramer.Sink() {
            @Override
            public void text(byte[] utf8) {
                take(utf8);
            }

            @Override
            public void broken(String reason) {
                answer(error(QmpException.generic("JSON parse error, " + reason)), () -> {});
            }
        });
        try {
            while (channel.read(in) >= 0) {
                in.flip();
                framer.consume(in);
                in.clear();
            }
            finish();
            awaitWritten(System.nanoTime() + LAST_ANSWERS_NANOS);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "QMP session ended: {0}", e.getMessage());
        } finally {
            drop();
            ended.run();
        }
    }

    private void write() {
        try {
            while (true) {
                switch (queue.take()) {
                    case Output.Answer(ObjectNode json, Runnable told) -> {
                        send(json);
                        told.run();
                    }
                    case Output.Event(Notice notice) -> send(notice.toJson());
                    case Output.End() -> {
                        return;
                    }
                }
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "QMP session ended: {0}", e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            written.countDown();
            drop();
        }
    }

    private void send(ObjectNode json) throws IOException {
        byte[] text = Json.write(json);
        ByteBuffer line = ByteBuffer.allocate(text.length + 2)
                .put(text)
                .put((byte) '\r')
                .put((byte) '\n')
                .flip();
        while (line.hasRemaining()) {
            channel.write(line);
        }
    }

    /** Waits when the client does not read: it is the client's own reader that stands still then. */
    private void answer(ObjectNode json, Runnable told) {
        try {
            while (!queue.offer(new Output.Answer(json, told), 1, TimeUnit.SECONDS)) {
                if (!channel.isOpen()) {
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void take(byte[] utf8) {
        long begin = System.nanoTime();
        JsonNode request;
        try {
            request = Json.parse(utf8);
        } catch (Json.SyntaxException e) {
            answer(error(QmpException.generic("JSON parse error, " + e.getMessage())), () -> {});
            return;
        }
        if (!(request instanceof ObjectNode object)) {
            answer(error(QmpException.generic("QMP input must be a JSON object")), () -> {});
            return;
        }
        ObjectNode answer = execute(object);
        object.optional("id").ifPresent(id -> answer.set("id", id));
        String name = object.path("execute").asString("");
        answer(answer, () -> commands.took(name, System.nanoTime() - begin));
        if (answer.has("return")) {
            commands.answered(name);
        }
    }

    private ObjectNode execute(ObjectNode request) {
        try {
            String name = QmpRequest.command(request);
            ObjectNode arguments = QmpRequest.arguments(request);
            ObjectNode answer = Json.object();
            answer.set("return", name.equals("qmp_capabilities") ? negotiate(arguments) : dispatch(name, arguments));
            return answer;
        } catch (QmpException e) {
            return error(e);
        } catch (RuntimeException e) {
            return error(QmpException.generic(sentence(e)));
        }
    }

    private JsonNode negotiate(ObjectNode members) {
        if (negotiated) {
            throw new QmpException(
                    QmpException.COMMAND_NOT_FOUND, "Capabilities negotiation is already complete, command ignored");
        }
        QmpArguments arguments = new QmpArguments(members);
        if (arguments.has("enable") && !arguments.strings("enable").isEmpty()) {
            throw QmpException.generic("Parameter 'enable' does not accept value '"
                    + arguments.strings("enable").getFirst() + "'");
        }
        arguments.rejectUnexpected();
        negotiated = true;
        return Json.object();
    }

    private JsonNode dispatch(String name, ObjectNode arguments) {
        if (!negotiated) {
            throw new QmpException(
                    QmpException.COMMAND_NOT_FOUND, "Expecting capabilities negotiation with 'qmp_capabilities'");
        }
        return commands.execute(name, arguments);
    }

    /** What the host refuses is a sentence already; anything else is a fault of ours, which the log tells in full. */
    private static String sentence(RuntimeException e) {
        String message = e.getMessage();
        if (message != null && e.getClass().getName().startsWith("io.godwit.")) {
            return message;
        }
        LOG.log(System.Logger.Level.ERROR, "QMP command failed", e);
        return "internal error: " + e;
    }

    private static ObjectNode error(QmpException e) {
        ObjectNode answer = Json.object();
        answer.putObject("error").put("class", e.errorClass()).put("desc", e.getMessage());
        return answer;
    }
}
