// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Semaphore;

/**
 * One connection of a client: a thread that reads what it asks, and one that writes what it is answered, so that a
 * client that does not read keeps nobody else waiting. It is not read from while {@link #MAX_UNANSWERED} of its
 * requests wait for an answer, or for a place in its socket.
 */
final class ServiceClient implements Customer {
    /** LIMIT: of one connection. */
    static final int MAX_UNANSWERED = 64;

    private static final byte[] END = new byte[0];

    /** LIMIT: how long a client that is hung up on may take to read what it was answered before. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(1);

    private final ServiceDevice device;
    private final SocketChannel channel;
    private final Semaphore room = new Semaphore(MAX_UNANSWERED);
    private final BlockingQueue<byte[]> answers = new ArrayBlockingQueue<>(MAX_UNANSWERED + 1);
    private volatile boolean gone;

    ServiceClient(ServiceDevice device, SocketChannel channel) {
        this.device = device;
        this.channel = channel;
    }

    /** Serves the client until it goes; the caller closes the channel. */
    void live() throws IOException, InterruptedException {
        boolean here = device.join(this);
        try {
            write(ServiceWire.greeting(here));
            if (here) {
                Thread writer = Thread.ofVirtual().name("service-answers").start(this::writeAnswers);
                try {
                    readRequests();
                } finally {
                    hangUp();
                    boolean _ = writer.join(LAST_WORDS);
                }
            }
        } finally {
            device.leave(this);
        }
    }

    private void readRequests() throws IOException, InterruptedException {
        ByteBuffer in = ByteBuffer.allocate(ServiceWire.REQUEST_BYTES * MAX_UNANSWERED);
        boolean asked = true;
        while (asked && channel.read(in) >= 0) {
            in.flip();
            while (asked && in.remaining() >= ServiceWire.REQUEST_BYTES) {
                byte[] content = new byte[ServiceWire.REQUEST_BYTES];
                in.get(content);
                room.acquire();
                asked = !gone && device.ask(content, this);
            }
            in.compact();
        }
    }

    private void writeAnswers() {
        ByteBuffer out = ByteBuffer.allocate(ServiceWire.ANSWER_BYTES * MAX_UNANSWERED);
        List<byte[]> batch = new ArrayList<>();
        try {
            while (!batch.contains(END)) {
                room.release(batch.size());
                batch.clear();
                batch.add(answers.take());
                int _ = answers.drainTo(batch, MAX_UNANSWERED - 1);
                batch.forEach(out::put);
                write(out.flip());
                out.clear();
            }
        } catch (IOException e) {
            // It has gone, or reads no more.
            hangUp();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void write(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            int _ = channel.write(bytes);
        }
    }

    @Override
    public void answer(long fencingNumber, byte[] content) {
        byte[] bytes = ByteBuffer.allocate(ServiceWire.ANSWER_BYTES)
                .putLong(fencingNumber)
                .put(content)
                .array();
        boolean _ = answers.offer(bytes);
    }

    @Override
    public void hangUp() {
        // Who waits for room sees that it is gone, who reads sees the end, and who writes does so as far as END.
        gone = true;
        room.release();
        boolean _ = answers.offer(END);
        try {
            SocketChannel _ = channel.shutdownInput();
        } catch (IOException e) {
            // It has gone by itself.
        }
    }
}
