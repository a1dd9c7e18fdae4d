// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.linux.process.Scheduling;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Speaks QMP over a socket. One thread of its own reads answers and events. */
final class QmpSocketClient implements QmpClient {
    /** LIMIT: events nobody has asked for yet; the oldest go first. */
    private static final int MAX_EVENTS = 4096;

    private static final int READ_BYTES = 16 << 10;

    private final QmpAddress address;
    private final SocketChannel channel;
    private final CompletableFuture<ObjectNode> greeting = new CompletableFuture<>();
    private final Map<Long, CompletableFuture<ObjectNode>> waiting = new ConcurrentHashMap<>();
    private final BlockingQueue<QmpEvent> events = new LinkedBlockingQueue<>(MAX_EVENTS);
    private final AtomicLong nextId = new AtomicLong(1);
    private final ReentrantLock writing = new ReentrantLock();
    private volatile boolean outOfBand;
    private volatile Optional<QmpConnectionException> lost = Optional.empty();
    private final AnswerWait answers;

    private QmpSocketClient(QmpAddress address, SocketChannel channel) {
        this.address = address;
        this.answers = new AnswerWait(address);
        this.channel = channel;
    }

    /**
     * Connects, waits for the greeting and negotiates.
     *
     * @throws QmpConnectionException if nobody listens there, or what listens does not speak QMP within the timeout
     */
    static QmpClient connect(QmpAddress address, Duration timeout) {
        SocketChannel channel = open(address, timeout);
        QmpSocketClient client = new QmpSocketClient(address, channel);
        Thread.ofPlatform().daemon().name("qmp-client-read").start(client::read);
        try {
            client.answers.await(client.greeting, "a greeting", timeout);
            client.negotiate(timeout);
            return client;
        } catch (RuntimeException e) {
            client.close();
            throw e;
        }
    }

    private void negotiate(Duration timeout) {
        ObjectNode enable = Json.object();
        outOfBand = greeting.join()
                .path("QMP")
                .path("capabilities")
                .valueStream()
                .anyMatch(c -> c.asString("").equals("oob"));
        if (outOfBand) {
            enable.putArray("enable").add("oob");
        }
        execute("qmp_capabilities", enable, timeout);
    }

    @Override
    public QmpAddress address() {
        return address;
    }

    @Override
    public ObjectNode greeting() {
        return greeting.join();
    }

    @Override
    public JsonNode execute(String command, ObjectNode arguments, Duration timeout) {
        return execute("execute", command, arguments, timeout);
    }

    @Override
    public boolean takesOutOfBand() {
        return outOfBand;
    }

    @Override
    public JsonNode executeOutOfBand(String command, ObjectNode arguments, Duration timeout) {
        return execute(outOfBand ? "exec-oob" : "execute", command, arguments, timeout);
    }

    private JsonNode execute(String how, String command, ObjectNode arguments, Duration timeout) {
        long id = nextId.getAndIncrement();
        ObjectNode request = Json.object().put(how, command);
        if (!arguments.isEmpty()) {
            request.set("arguments", arguments);
        }
        request.put("id", id);
        CompletableFuture<ObjectNode> answered = new CompletableFuture<>();
        waiting.put(id, answered);
        try {
            lost.ifPresent(answered::completeExceptionally);
            send(request);
            ObjectNode answer = answers.await(answered, "an answer to " + command, timeout);
            return QmpClient.returned(answer);
        } finally {
            waiting.remove(id);
        }
    }

    @Override
    public Optional<QmpEvent> nextEvent(Duration timeout) throws InterruptedException {
        return Optional.ofNullable(events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS));
    }

    @Override
    public void whenSilent(Duration after, Runnable told) {
        answers.whenSilent(after, told);
    }

    @Override
    public boolean isConnected() {
        return lost.isEmpty();
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // There is nothing left to close.
        }
    }

    private static SocketChannel open(QmpAddress address, Duration timeout) {
        try {
            return switch (address) {
                case QmpAddress.Libvirt _, QmpAddress.Unix _ -> SocketChannel.open(address.toSocketAddress());
                case QmpAddress.Tcp tcp -> {
                    SocketChannel channel = SocketChannel.open();
                    try {
                        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                        channel.socket().connect(tcp.toSocketAddress(), Math.toIntExact(timeout.toMillis()));
                    } catch (IOException e) {
                        channel.close();
                        throw e;
                    }
                    yield channel;
                }
            };
        } catch (SocketTimeoutException e) {
            throw new QmpConnectionException(
                    "QMP " + address + ": nobody answered within " + timeout.toMillis() + " ms.", e);
        } catch (IOException e) {
            throw new QmpConnectionException("QMP " + address + ": cannot connect: " + e.getMessage() + ".", e);
        }
    }

    private void send(ObjectNode request) {
        byte[] text = Json.write(request);
        ByteBuffer line =
                ByteBuffer.allocate(text.length + 1).put(text).put((byte) '\n').flip();
        writing.lock();
        try {
            while (line.hasRemaining()) {
                channel.write(line);
            }
        } catch (IOException e) {
            throw lost.orElseGet(() -> connectionLost(e));
        } finally {
            writing.unlock();
        }
    }

    private void read() {
        boolean _ = Scheduling.answersAtOnce();
        JsonFramer framer = new JsonFramer(new JsonFramer.Sink() {
            @Override
            public void text(byte[] utf8) {
                take(utf8);
            }

            @Override
            public void broken(String reason) {
                throw new Json.SyntaxException(reason);
            }
        });
        ByteBuffer in = ByteBuffer.allocate(READ_BYTES);
        try {
            while (channel.read(in) >= 0) {
                in.flip();
                framer.consume(in);
                in.clear();
            }
            fail(new QmpConnectionException("QMP " + address + ": the other side closed the connection."));
        } catch (ClosedChannelException e) {
            fail(new QmpConnectionException("QMP " + address + ": the connection is closed.", e));
        } catch (IOException e) {
            fail(connectionLost(e));
        } catch (Json.SyntaxException e) {
            fail(new QmpConnectionException(
                    "QMP " + address + ": what answers there does not speak QMP: " + e.getMessage() + ".", e));
            close();
        }
    }

    private QmpConnectionException connectionLost(IOException e) {
        return new QmpConnectionException("QMP " + address + ": the connection was lost: " + e.getMessage() + ".", e);
    }

    private void fail(QmpConnectionException reason) {
        lost = Optional.of(reason);
        greeting.completeExceptionally(reason);
        waiting.values().forEach(answer -> answer.completeExceptionally(reason));
    }

    private void take(byte[] utf8) {
        if (!(Json.parse(utf8) instanceof ObjectNode message)) {
            throw new Json.SyntaxException("a message that is no object");
        }
        if (message.has("QMP")) {
            greeting.complete(message);
        } else if (message.has("event")) {
            keep(event(message));
        } else if (message.path("id").isIntegralNumber()) {
            CompletableFuture<ObjectNode> answer =
                    waiting.get(message.path("id").asLong());
            if (answer != null) {
                answer.complete(message);
            }
        } else if (message.has("error")) {
            // Refused before it was asked: too many sessions, or a server that did not understand the frame.
            fail(new QmpConnectionException(
                    "QMP " + address + ": " + message.path("error").path("desc").asString("refused") + "."));
        }
    }

    private void keep(QmpEvent event) {
        while (!events.offer(event)) {
            events.poll();
        }
    }

    private static QmpEvent event(ObjectNode message) {
        JsonNode time = message.path("timestamp");
        ObjectNode data = message.path("data") instanceof ObjectNode object ? object : Json.object();
        Instant instant = Instant.EPOCH
                .plusSeconds(time.path("seconds").asLong(0))
                .plus(time.path("microseconds").asLong(0), ChronoUnit.MICROS);
        return new QmpEvent(message.path("event").asString(""), data, instant);
    }
}
