// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import io.godwit.stream.ColoMessage;
import io.godwit.stream.WrittenPages;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * The wire between a primary and a secondary, which reads what the secondary says of checkpoints, and strikes once
 * inside one: behind the secondary's first word about it, and before the primary has heard the last one. While the blow
 * falls nothing passes.
 */
final class CheckpointTap implements AutoCloseable {
    /** A moment inside a checkpoint. */
    sealed interface Moment {
        /**
         * When the secondary says this.
         *
         * @param passes whether the primary hears it, if it lives
         */
        record Word(ColoMessage word, boolean passes) implements Moment {}

        /**
         * After so many bytes of the checkpoint, or at its last word if it has fewer.
         *
         * @param passes whether the secondary gets what the primary has sent besides, if it lives
         */
        record Bytes(long count, boolean passes) implements Moment {}
    }

    /**
     * What the blow hit.
     *
     * @param when for people
     * @param whole whether the secondary had all of the checkpoint
     */
    record Struck(String when, boolean whole) {}

    /** WIRE: the PONG of a secondary that says behind each reply what its guest has written. */
    private static final int TELLS_WRITTEN = 0x74656e73;

    private final ServerSocket listener;
    private final int secondaryPort;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final Blow<Moment, Struck> blow = new Blow<>();
    /** Bytes that went to the secondary since it began with a checkpoint; negative outside of one. */
    private final AtomicLong checkpointBytes = new AtomicLong(Long.MIN_VALUE);

    /** Between whoever connects to {@link #uri()} and what listens at that address. */
    CheckpointTap(String uri) throws IOException {
        this.secondaryPort = Integer.parseInt(uri.substring(uri.lastIndexOf(':') + 1));
        this.listener = new ServerSocket(0, 2, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon().name("tap").start(this::connect);
    }

    String uri() {
        return "tcp:127.0.0.1:" + listener.getLocalPort();
    }

    /** Strikes in the next checkpoint. */
    void arm(Moment moment, Runnable action) {
        blow.arm(moment, action);
    }

    /** Waits for the blow; {@code why} explains what is instead. */
    Struck awaitBlow(Supplier<String> why) throws Exception {
        return blow.await(() -> "no checkpoint: " + why.get());
    }

    /** The first connection is the stream's, the second one is for comparing. */
    private void connect() {
        try {
            for (boolean stream = true; ; stream = false) {
                Socket primary = listener.accept();
                Socket secondary = new Socket(InetAddress.getLoopbackAddress(), secondaryPort);
                primary.setTcpNoDelay(true);
                secondary.setTcpNoDelay(true);
                sockets.add(primary);
                sockets.add(secondary);
                boolean isStream = stream;
                start(() -> {
                    if (isStream) {
                        forward(primary.getInputStream(), secondary.getOutputStream());
                    } else {
                        long _ = primary.getInputStream().transferTo(secondary.getOutputStream());
                    }
                    secondary.shutdownOutput();
                });
                start(() -> {
                    if (isStream) {
                        backward(secondary.getInputStream(), primary.getOutputStream());
                    } else {
                        long _ = secondary.getInputStream().transferTo(primary.getOutputStream());
                    }
                    primary.shutdownOutput();
                });
            }
        } catch (IOException e) {
            // Closed, or the secondary is gone.
        }
    }

    private interface Pump {
        void run() throws IOException;
    }

    private void start(Pump pump) {
        Thread.ofPlatform().daemon().name("tap").start(() -> {
            try {
                pump.run();
            } catch (IOException e) {
                closeAll();
            }
        });
    }

    private void forward(InputStream in, OutputStream out) throws IOException {
        byte[] chunk = new byte[64 << 10];
        for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
            int before = 0;
            long sent = checkpointBytes.get();
            Optional<Moment> moment = blow.moment();
            if (moment.isPresent()
                    && moment.get() instanceof Moment.Bytes(long count, boolean passes)
                    && sent >= 0
                    && sent + n > count) {
                before = Math.toIntExact(Math.max(0, count - sent));
                out.write(chunk, 0, before);
                blow.fall(new Struck("after " + (sent + before) + " bytes", false));
                if (!passes) {
                    return;
                }
            }
            out.write(chunk, before, n - before);
            long _ = checkpointBytes.addAndGet(n);
        }
    }

    private void backward(InputStream from, OutputStream to) throws IOException {
        DataInputStream in = new DataInputStream(from);
        DataOutputStream out = new DataOutputStream(to);
        // WIRE: before READY, which is 0, there are messages with a head of a type and a length, 16 bits each.
        boolean tellsWritten = false;
        for (int head = in.readInt(); head != 0; head = in.readInt()) {
            byte[] payload = in.readNBytes(head & 0xffff);
            tellsWritten |=
                    payload.length == Integer.BYTES && ByteBuffer.wrap(payload).getInt() == TELLS_WRITTEN;
            out.writeInt(head);
            out.write(payload);
        }
        out.writeInt(0);
        try {
            boolean passes = true;
            while (passes) {
                ColoMessage word = ColoMessage.take(ByteBuffer.wrap(in.readNBytes(ColoMessage.BYTES)), 0);
                passes = word(word, out);
                if (passes && tellsWritten && word == ColoMessage.CHECKPOINT_REPLY) {
                    int words = in.readInt();
                    out.writeInt(words);
                    out.write(in.readNBytes(words * WrittenPages.WORD_BYTES));
                }
            }
        } catch (BufferUnderflowException e) {
            // The secondary is gone.
        }
    }

    /** Passes it on; false: it is lost, and all that would follow. */
    private boolean word(ColoMessage word, DataOutputStream out) throws IOException {
        if (word == ColoMessage.CHECKPOINT_REPLY) {
            checkpointBytes.set(0);
        }
        Optional<Moment> moment = blow.moment();
        boolean passes = true;
        if (moment.isPresent() && isDue(moment.get(), word)) {
            blow.fall(new Struck("at " + word, word != ColoMessage.CHECKPOINT_REPLY));
            passes = moment.get() instanceof Moment.Word(ColoMessage _, boolean heard) && heard;
        }
        if (word == ColoMessage.VMSTATE_LOADED) {
            checkpointBytes.set(Long.MIN_VALUE);
        }
        if (passes) {
            out.writeInt(word.value());
        }
        return passes;
    }

    private boolean isDue(Moment moment, ColoMessage word) {
        return switch (moment) {
            case Moment.Word(ColoMessage due, boolean _) -> word == due;
            case Moment.Bytes _ -> word == ColoMessage.VMSTATE_LOADED && checkpointBytes.get() >= 0;
        };
    }

    private void closeAll() {
        for (Socket socket : sockets) {
            try {
                socket.close();
            } catch (IOException e) {
                // Closed is closed.
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        closeAll();
    }
}
