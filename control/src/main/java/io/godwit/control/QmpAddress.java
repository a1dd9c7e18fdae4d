// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Where a host answers QMP: {@code unix:PATH} or {@code tcp:HOST:PORT}. */
public sealed interface QmpAddress {
    /** A socket file. */
    record Unix(Path path) implements QmpAddress {
        @Override
        public String toString() {
            return "unix:" + path;
        }
    }

    /** A port; 0 lets a server choose. An empty host is all addresses for a server, this machine for a client. */
    record Tcp(String host, int port) implements QmpAddress {
        @Override
        public String toString() {
            return "tcp:" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
        }
    }

    /** LIMIT: sun_path of unix(7) has 108 bytes, the last of them zero. */
    int MAX_UNIX_PATH_BYTES = 107;

    /**
     * Reads an address.
     *
     * @throws IllegalArgumentException with a sentence that says what is wrong with it
     */
    static QmpAddress parse(String text) {
        if (text.startsWith("unix:") && text.length() > 5) {
            String path = text.substring(5);
            int byteLength = path.getBytes(StandardCharsets.UTF_8).length;
            if (byteLength > MAX_UNIX_PATH_BYTES) {
                throw new IllegalArgumentException("The path of " + text + " has " + byteLength
                        + " bytes; a unix socket's path has at most " + MAX_UNIX_PATH_BYTES + ".");
            }
            return new Unix(Path.of(path));
        }
        if (text.startsWith("tcp:")) {
            return parseTcp(text);
        }
        throw new IllegalArgumentException("QMP address '" + text + "' is neither unix:PATH nor tcp:HOST:PORT.");
    }

    private static Tcp parseTcp(String text) {
        String rest = text.substring(4);
        int colon = rest.lastIndexOf(':');
        if (colon < 0) {
            throw new IllegalArgumentException("QMP address '" + text + "' has no port: write tcp:HOST:PORT.");
        }
        String host = rest.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        try {
            int port = Integer.parseInt(rest.substring(colon + 1));
            if (port >= 0 && port <= 65_535) {
                return new Tcp(host, port);
            }
        } catch (NumberFormatException e) {
            // Said below, as for a number out of range.
        }
        throw new IllegalArgumentException(
                "QMP address '" + text + "': '" + rest.substring(colon + 1) + "' is no port from 0 to 65535.");
    }

    /**
     * The address for the socket.
     *
     * @throws QmpConnectionException if the host's name is unknown
     */
    default SocketAddress toSocketAddress() {
        return switch (this) {
            case Unix(Path path) -> UnixDomainSocketAddress.of(path);
            case Tcp(String host, int port) -> {
                try {
                    yield host.isEmpty()
                            ? new InetSocketAddress(port)
                            : new InetSocketAddress(InetAddress.getByName(host), port);
                } catch (UnknownHostException e) {
                    throw new QmpConnectionException("QMP " + this + ": the host name is unknown.", e);
                }
            }
        };
    }
}
