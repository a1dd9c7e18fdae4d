// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.time.Duration;

/** Where a host answers QMP, as a user typed it. */
final class Addresses {
    /** How long a host that answers QMP may take for one answer. */
    static final Duration PATIENCE = Duration.ofSeconds(10);

    private Addresses() {}

    /**
     * The address.
     *
     * @throws CommandFailure if it is none, with the reason
     */
    static QmpAddress qmp(String text) {
        try {
            return QmpAddress.parse(text);
        } catch (IllegalArgumentException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()), e);
        }
    }

    /** Any port of this machine at the address that leads to who answers QMP there, as a URI to listen at. */
    static String anyPortTowards(QmpAddress address) {
        if (!(address instanceof QmpAddress.Tcp tcp) || tcp.host().isEmpty()) {
            return anyPortBeside(address);
        }
        // Nothing is sent: the kernel says from where it would be.
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(tcp.host(), Math.max(1, tcp.port())));
            return anyPortBeside(new QmpAddress.Tcp(socket.getLocalAddress().getHostAddress(), 0));
        } catch (SocketException | UncheckedIOException | IllegalArgumentException _) {
            return anyPortBeside(address);
        }
    }

    /** Any port of the host that answers QMP there, as a URI to listen at. */
    static String anyPortBeside(QmpAddress address) {
        return switch (address) {
            case QmpAddress.Unix _, QmpAddress.Libvirt _ -> "tcp:127.0.0.1:0";
            case QmpAddress.Tcp tcp -> "tcp:" + (tcp.host().contains(":") ? "[" + tcp.host() + "]" : tcp.host()) + ":0";
        };
    }
}
