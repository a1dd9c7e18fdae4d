// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.host.HostException;
import io.godwit.linux.io.PassedDescriptor;
import io.godwit.linux.process.Scheduling;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One client. The reader takes commands, carries them out in their order and writes the answers itself: a second thread
 * for that would have to be woken, and where the processors are busy with a migration each waking may cost a tick of
 * the scheduler. Events wait in a queue and go out before the next answer, or by the session's other thread. A client
 * that does not read its answers holds up nobody but itself; one that does not read its events is dropped.
 */
final class QmpSession implements QmpCaller {
    /** LIMIT: events of a long migration, some thousand passes, while the client looks away. */
    static final int QUEUE_LENGTH = 1024;

    private static final System.Logger LOG = System.getLogger(QmpSession.class.getName());
    /** LIMIT: ids are echoed whole, and no answer shall grow with what a client sent. */
    static final int MAX_ID_BYTES = 16 << 10;

    private static final long LAST_ANSWERS_NANOS = 1_000_000_000;

    private final QmpSocket socket;
    private final QmpCommands commands;
    private final Runnable ended;
    private final BlockingQueue<Notice> events = new ArrayBlockingQueue<>(QUEUE_LENGTH);
    // One permit for each reason to look whether something is to be sent.
    private final Semaphore bell = new Semaphore(0);
    private final CountDownLatch written = new CountDownLatch(1);
    // The reader's.
    private final QmpLine answer = new QmpLine();
    private Optional<Runnable> afterAnswer = Optional.empty();
    private boolean negotiating;
    // Held while anything is sent, so that events and answers leave in the order in which they came about.
    private final ReentrantLock sending = new ReentrantLock();
    private final QmpLine event = new QmpLine();
    private volatile boolean negotiated;
    private volatile boolean finishing;

    QmpSession(QmpSocket socket, QmpCommands commands, Runnable ended) {
        this.socket = socket;
        this.commands = commands;
        this.ended = ended;
    }

    /** Starts both threads; the greeting is the first thing sent. */
    void start(String name) {
        Thread.ofPlatform().daemon().name(name + "-events").start(this::sendEvents);
        Thread.ofPlatform().daemon().name(name).start(this::serve);
    }

    /** Queues an event if the client has negotiated. Never waits: a client whose queue is full is dropped. */
    void notice(Notice notice) {
        if (!negotiated) {
            return;
        }
        if (events.offer(notice)) {
            bell.release();
        } else {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "QMP session dropped: its client left {0} events unread",
                    QUEUE_LENGTH);
            drop();
        }
    }

    /** Lets what is queued be sent and the connection then be closed; does not wait. */
    void finish() {
        finishing = true;
        bell.release();
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

    /** Ends the connection at once. */
    void drop() {
        socket.end();
    }

    private void serve() {
        boolean _ = Scheduling.answersAtOnce();
        JsonFramer framer = new JsonFramer(new JsonFramer.Sink() {
            @Override
            public void text(byte[] utf8) {
                take(utf8);
            }

            @Override
            public void broken(String reason) {
                refuse("JSON parse error, " + reason);
            }
        });
        try {
            answer.set(Json.tree(greeting()));
            boolean _ = send();
            for (ByteBuffer in = socket.read(); in.hasRemaining(); in = socket.read()) {
                framer.consume(in);
                if (!framer.isWithinText()) {
                    socket.dropPassed();
                }
            }
            finish();
            awaitWritten(System.nanoTime() + LAST_ANSWERS_NANOS);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "QMP session ended: {0}", e.getMessage());
        } finally {
            drop();
            finish();
            awaitEvents();
            socket.close();
            ended.run();
        }
    }

    /** The other thread does not touch the connection any more when this returns. */
    private void awaitEvents() {
        boolean interrupted = false;
        while (true) {
            try {
                written.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static ObjectNode greeting() {
        ObjectNode greeting = Json.object();
        ObjectNode body = greeting.putObject("QMP");
        body.set("version", GodwitVersion.toJson());
        body.set("capabilities", Json.array());
        return greeting;
    }

    private void sendEvents() {
        try {
            boolean last = false;
            while (!last) {
                bell.acquire();
                last = finishing;
                sending.lock();
                try {
                    sendQueued();
                } finally {
                    sending.unlock();
                }
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "QMP session ended: {0}", e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            drop();
            written.countDown();
        }
    }

    /** Under {@code sending}. */
    private void sendQueued() throws IOException {
        for (Notice next = events.poll(); next != null; next = events.poll()) {
            event.set(Json.tree(next.toJson()));
            event.sendTo(socket);
        }
    }

    /**
     * Sends the answer; whether it could, else the session ends. Waits when the client does not read: it is the
     * client's own reader that stands still then.
     */
    private boolean send() {
        sending.lock();
        try {
            if (negotiating) {
                // Events are queued from here on, and nobody sends one while this holds the lock.
                negotiating = false;
                negotiated = true;
            } else {
                sendQueued();
            }
            answer.sendTo(socket);
            return true;
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "QMP session ended: {0}", e.getMessage());
            drop();
            return false;
        } finally {
            sending.unlock();
        }
    }

    private void refuse(String reason) {
        answer.set(framed("error", error(QmpException.generic(reason)), Optional.empty()));
        boolean _ = send();
    }

    private void take(byte[] utf8) {
        long begin = System.nanoTime();
        JsonNode request;
        try {
            request = Json.parse(utf8);
        } catch (Json.SyntaxException e) {
            refuse("JSON parse error, " + e.getMessage());
            return;
        }
        if (!(request instanceof ObjectNode object)) {
            refuse("QMP input must be a JSON object");
            return;
        }
        execute(object, utf8.length);
        String name = object.path("execute").asString("");
        if (send()) {
            commands.took(name, System.nanoTime() - begin);
        }
        afterAnswer.ifPresent(Runnable::run);
        afterAnswer = Optional.empty();
    }

    /** Carries a command out and has its answer ready to be sent. */
    private void execute(ObjectNode request, int requestBytes) {
        Optional<JsonNode> id = request.optional("id");
        try {
            if (id.isPresent() && requestBytes > MAX_ID_BYTES && Json.write(id.get()).length > MAX_ID_BYTES) {
                id = Optional.empty();
                throw QmpException.generic("QMP input member 'id' has more than " + MAX_ID_BYTES + " bytes");
            }
            String name = QmpRequest.command(request);
            ObjectNode arguments = QmpRequest.arguments(request);
            refuseUnlessNegotiated(name);
            answer.set(framed("return", commands.execute(name, arguments, this), id));
        } catch (QmpException e) {
            answer.set(framed("error", error(e), id));
        } catch (HostException.NoSuchDevice e) {
            answer.set(framed("error", error(new QmpException(QmpException.DEVICE_NOT_FOUND, sentence(e))), id));
        } catch (RuntimeException e) {
            answer.set(framed("error", error(QmpException.generic(sentence(e))), id));
        }
    }

    private static Json.Written framed(String member, Json.Written value, Optional<JsonNode> id) {
        return out -> {
            out.writeStartObject();
            out.writeName(member);
            value.writeTo(out);
            id.ifPresent(given -> {
                out.writeName("id");
                Json.tree(given).writeTo(out);
            });
            out.writeEndObject();
        };
    }

    /** As QEMU has it: before the negotiation there is no other command, and after it not that one. */
    private void refuseUnlessNegotiated(String name) {
        if (negotiated != name.equals("qmp_capabilities")) {
            return;
        }
        throw new QmpException(
                QmpException.COMMAND_NOT_FOUND,
                negotiated
                        ? "Capabilities negotiation is already complete, command ignored"
                        : "Expecting capabilities negotiation with 'qmp_capabilities'");
    }

    @Override
    public void negotiated() {
        negotiating = true;
    }

    @Override
    public PassedDescriptor takePassed() {
        return socket.takePassed();
    }

    @Override
    public void whenAnswered(Runnable what) {
        afterAnswer = Optional.of(what);
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

    private static Json.Written error(QmpException e) {
        return Json.tree(Json.object().put("class", e.errorClass()).put("desc", Echo.shortened(sentence(e))));
    }
}
