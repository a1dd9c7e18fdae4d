// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.machines.programs.ServiceLayout;
import io.godwit.machines.service.ServiceWire;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A service without a guest that answers right, until what it is made with changes an answer: into none, another one,
 * or several. No answer hangs up.
 */
final class FakeService implements AutoCloseable {
    /** What a client last asked and was answered. */
    private static final class Known {
        private long number;
        private long checksum;
        private ClientAnswer answer = new ClientAnswer(0, 0, 0, 0, 0, 0, 0);
    }

    private final ServerSocket listener;
    private final Function<ClientAnswer, List<ClientAnswer>> change;
    private final Map<Long, Known> clients = new HashMap<>();
    private final Map<Long, Long> cells = new HashMap<>();
    private long serial;

    FakeService(Function<ClientAnswer, List<ClientAnswer>> change) throws IOException {
        this.change = change;
        this.listener = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        Thread _ = Thread.ofVirtual().start(this::accept);
    }

    SocketAddress address() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.getLocalPort());
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = listener.accept();
                Thread _ = Thread.ofVirtual().start(() -> serve(socket));
            }
        } catch (IOException e) {
            // It is closed.
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeLong(ServiceWire.MAGIC);
            out.writeInt(1);
            out.writeInt(ServiceLayout.CLIENTS);
            List<ClientAnswer> answers;
            do {
                ClientRequest request = new ClientRequest(
                        (int) in.readLong(), in.readLong(), (int) in.readLong(), in.readLong(), in.readLong());
                answers = change.apply(answer(request));
                for (ClientAnswer one : answers) {
                    write(out, one);
                }
            } while (!answers.isEmpty());
        } catch (IOException e) {
            // The client has gone.
        }
    }

    private static void write(DataOutputStream out, ClientAnswer one) throws IOException {
        out.writeLong(one.fencingNumber());
        out.writeLong(one.client());
        out.writeLong(one.number());
        out.writeLong(one.status());
        out.writeLong(one.value());
        out.writeLong(one.checksum());
        out.writeLong(one.serial());
    }

    private synchronized ClientAnswer answer(ClientRequest request) {
        Known known = clients.computeIfAbsent((long) request.client(), _ -> new Known());
        if (request.number() == 0 || (request.number() != known.number && request.number() != known.number + 1)) {
            return new ClientAnswer(1, request.client(), request.number(), 1, known.number, 1 << 20, serial);
        }
        if (request.number() == known.number) {
            return known.answer;
        }
        serial++;
        known.number = request.number();
        long value = request.value();
        if (request.operation() == ServiceLayout.READ || request.operation() == ServiceLayout.ADD) {
            value = cells.merge(
                    request.key(), request.operation() == ServiceLayout.ADD ? request.value() : 0, Long::sum);
            known.checksum = known.checksum * ServiceLayout.CHECKSUM_FACTOR + value;
        }
        known.answer = new ClientAnswer(1, request.client(), request.number(), 0, value, known.checksum, serial);
        return known.answer;
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
