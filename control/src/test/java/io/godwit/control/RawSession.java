// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A client that sends what it is told to, byte for byte, and reads line for line. */
final class RawSession implements AutoCloseable {
    private final Socket socket;
    private final BufferedReader lines;

    RawSession(QmpAddress address) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), ((QmpAddress.Tcp) address).port());
        socket.setSoTimeout(10_000);
        socket.setTcpNoDelay(true);
        lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
    }

    static RawSession negotiated(QmpAddress address) throws IOException {
        RawSession session = new RawSession(address);
        session.line();
        session.ask("{\"execute\": \"qmp_capabilities\"}");
        return session;
    }

    void send(String text) throws IOException {
        send(text.getBytes(StandardCharsets.UTF_8));
    }

    void send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
    }

    /** The next line; "end" when the server has closed. */
    String line() throws IOException {
        String line = lines.readLine();
        return line == null ? "end" : line;
    }

    String ask(String text) throws IOException {
        send(text);
        return line();
    }

    void endOutput() throws IOException {
        socket.shutdownOutput();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
