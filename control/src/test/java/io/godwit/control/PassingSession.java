// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.SocketMessages;
import io.godwit.linux.io.Sockets;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** A client at a unix socket that sends descriptors beside its commands. */
final class PassingSession implements AutoCloseable {
    private static final int BYTES = 64 << 10;

    private final Descriptor socket;
    private final NativeMemory memory = NativeMemory.allocate(BYTES);
    private final SocketMessages messages = new SocketMessages(2 * SocketMessages.MAX_DESCRIPTORS);
    private final Polling polling = new Polling();
    private final StringBuilder read = new StringBuilder();

    PassingSession(QmpAddress address) {
        socket = Sockets.connect(address.toSocketAddress(), Duration.ofSeconds(10));
        line();
        ask("{'execute':'qmp_capabilities'}");
    }

    /** How many descriptors this process has. */
    static long openDescriptors() {
        try (var all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    void send(String text, Integer... numbers) {
        byte[] bytes = text.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        memory.copyFrom(0, bytes, 0, bytes.length);
        int sent = messages.send(socket, memory, 0, bytes.length, Arrays.asList(numbers));
        if (sent != bytes.length) {
            throw new AssertionError(sent + " of " + bytes.length + " bytes sent");
        }
    }

    /** The answer; events before it are left out. */
    String ask(String text, Integer... numbers) {
        send(text, numbers);
        String line = line();
        while (line.contains("\"event\"")) {
            line = line();
        }
        return line;
    }

    String line() {
        while (read.indexOf("\n") < 0) {
            if (polling.awaitReadable(socket, TimeUnit.SECONDS.toNanos(30)) != Polling.Outcome.READY) {
                throw new AssertionError("no answer");
            }
            int count = socket.read(memory, 0, BYTES);
            if (count < 0) {
                return "end";
            }
            byte[] bytes = new byte[count];
            memory.copyTo(0, bytes, 0, count);
            read.append(new String(bytes, StandardCharsets.UTF_8));
        }
        int end = read.indexOf("\n");
        String line = read.substring(0, end).strip();
        read.delete(0, end + 1);
        return line;
    }

    @Override
    public void close() {
        socket.close();
        messages.close();
        polling.close();
        memory.close();
    }
}
