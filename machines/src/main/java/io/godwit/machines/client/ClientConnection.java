// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.machines.service.ServiceWire;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** One connection to a service, for one request at a time. Any thread may {@link #close} it, which ends all waits. */
final class ClientConnection implements AutoCloseable {
    private final SocketChannel channel;
    private final ByteBuffer bytes = ByteBuffer.allocate(ServiceWire.ANSWER_BYTES);

    /** One that is not connected yet. */
    ClientConnection(SocketAddress address) throws IOException {
        channel = address instanceof InetSocketAddress
                ? SocketChannel.open()
                : SocketChannel.open(StandardProtocolFamily.UNIX);
    }

    /**
     * Connects.
     *
     * @throws IOException if nobody is there, or the guest is not
     */
    void connect(SocketAddress address) throws IOException {
        boolean _ = channel.connect(address);
        if (address instanceof InetSocketAddress) {
            SocketChannel _ = channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        }
        ByteBuffer greeting = read(ServiceWire.GREETING_BYTES);
        if (greeting.getLong() != ServiceWire.MAGIC) {
            throw new IOException("no service is at " + address);
        }
        if (greeting.getInt() != 1) {
            throw new IOException("the guest is not at " + address);
        }
    }

    /** Asks, and waits for the answer. */
    ClientAnswer ask(ClientRequest request) throws IOException {
        bytes.clear();
        request.put(bytes);
        bytes.flip();
        while (bytes.hasRemaining()) {
            int _ = channel.write(bytes);
        }
        return ClientAnswer.of(read(ServiceWire.ANSWER_BYTES));
    }

    private ByteBuffer read(int length) throws IOException {
        bytes.clear().limit(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes) < 0) {
                throw new EOFException("the host hung up");
            }
        }
        return bytes.flip();
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // It is of no more use anyway.
        }
    }
}
