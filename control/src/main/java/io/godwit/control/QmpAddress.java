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
import java.util.Optional;

/**
 * Where a host answers QMP: {@code unix:PATH}, {@code tcp:HOST:PORT} or {@code libvirt:DOMAIN}, with {@code ,uri=URI}
 * behind it for another libvirt than the one that virsh takes by itself.
 */
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

    /** A domain of libvirt's, by name, number or UUID. Only a client can speak there. */
    record Libvirt(String name, Optional<String> connection) implements QmpAddress {
        @Override
        public String toString() {
            return LIBVIRT + name + connection.map(uri -> CONNECTION + uri).orElse("");
        }
    }

    /** What an address of a domain begins with. */
    String LIBVIRT = "libvirt:";

    /** What comes before the URI of a connection to libvirt. */
    String CONNECTION = ",uri=";

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
        if (text.startsWith(LIBVIRT)) {
            return parseLibvirt(text);
        }
        throw new IllegalArgumentException(
                "QMP address '" + text + "' is neither unix:PATH nor tcp:HOST:PORT nor libvirt:DOMAIN.");
    }

    private static Libvirt parseLibvirt(String text) {
        int comma = text.indexOf(CONNECTION);
        String name = text.substring(LIBVIRT.length(), comma < 0 ? text.length() : comma);
        Optional<String> connection =
                comma < 0 ? Optional.empty() : Optional.of(text.substring(comma + CONNECTION.length()));
        if (name.isBlank() || connection.filter(String::isBlank).isPresent()) {
            throw new IllegalArgumentException(
                    "QMP address '" + text + "' lacks a name: write libvirt:DOMAIN or libvirt:DOMAIN,uri=URI.");
        }
        return new Libvirt(name, connection);
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
     * @throws QmpConnectionException if the host's name is unknown, or it is a domain
     */
    default SocketAddress toSocketAddress() {
        return switch (this) {
            case Libvirt _ ->
                throw new QmpConnectionException("QMP " + this
                        + ": a domain's QMP is answered by its own QEMU, and reached through libvirt only. To answer"
                        + " QMP oneself, say unix:PATH or tcp:HOST:PORT.");
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
