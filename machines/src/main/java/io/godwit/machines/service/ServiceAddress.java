// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;

/** Where a service is: {@code tcp:HOST:PORT} or {@code unix:PATH}. */
public final class ServiceAddress {
    private ServiceAddress() {}

    /**
     * The address for a socket; its host's name is looked up.
     *
     * @throws IllegalArgumentException with a sentence that says what is wrong
     */
    public static SocketAddress parse(String text) {
        if (text.startsWith("unix:") && text.length() > 5) {
            return UnixDomainSocketAddress.of(Path.of(text.substring(5)));
        }
        int colon = text.lastIndexOf(':');
        if (!text.startsWith("tcp:") || colon < 4) {
            throw new IllegalArgumentException(
                    "The address of a service is tcp:HOST:PORT or unix:PATH, not '" + text + "'.");
        }
        String host = text.substring(4, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        int port = port(text, text.substring(colon + 1));
        if (host.isEmpty()) {
            return new InetSocketAddress(port);
        }
        InetSocketAddress address = new InetSocketAddress(host, port);
        if (address.isUnresolved()) {
            throw new IllegalArgumentException("'" + text + "': the host name is unknown.");
        }
        return address;
    }

    private static int port(String text, String digits) {
        try {
            int port = Integer.parseInt(digits);
            if (port >= 0 && port <= 65_535) {
                return port;
            }
        } catch (NumberFormatException e) {
            // Said below, as for a number out of range.
        }
        throw new IllegalArgumentException("'" + text + "': '" + digits + "' is no port from 0 to 65535.");
    }

    /** What {@link #parse} reads. */
    public static String format(SocketAddress address) {
        if (address instanceof InetSocketAddress tcp) {
            InetAddress host = tcp.getAddress();
            String name = host.isAnyLocalAddress() ? "" : host.getHostAddress();
            return "tcp:" + (name.contains(":") ? "[" + name + "]" : name) + ":" + tcp.getPort();
        }
        return "unix:" + address;
    }
}
