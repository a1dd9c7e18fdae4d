// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import io.godwit.linux.io.UnixSocketFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;

/**
 * Where clients of a service come in, over TCP or a unix socket. Each connection has two virtual threads. While the
 * guest is not here a client is told so and hung up on.
 */
public final class ServiceDoor implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(ServiceDoor.class.getName());
    private static final int BACKLOG = 128;

    private final ServiceDevice device;
    private final ServerSocketChannel listener;
    private final SocketAddress address;

    private ServiceDoor(ServiceDevice device, ServerSocketChannel listener, SocketAddress address) {
        this.device = device;
        this.listener = listener;
        this.address = address;
    }

    /**
     * Opens the door of a device. A socket file that nobody listens at any more is replaced.
     *
     * @param address a port 0 lets the kernel choose
     * @throws IOException if the address cannot be had
     */
    public static ServiceDoor open(ServiceDevice device, SocketAddress address) throws IOException {
        boolean unix = address instanceof UnixDomainSocketAddress;
        if (address instanceof UnixDomainSocketAddress file) {
            UnixSocketFile.removeDead(file.getPath());
        }
        ServerSocketChannel listener =
                unix ? ServerSocketChannel.open(StandardProtocolFamily.UNIX) : ServerSocketChannel.open();
        try {
            if (!unix) {
                ServerSocketChannel _ = listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            }
            ServerSocketChannel _ = listener.bind(address, BACKLOG);
            ServiceDoor door = new ServiceDoor(device, listener, listener.getLocalAddress());
            Thread _ = Thread.ofVirtual().name("service-accept").start(door::accept);
            return door;
        } catch (IOException | RuntimeException failure) {
            listener.close();
            throw failure;
        }
    }

    /** Where it listens, with the port that was chosen. */
    public SocketAddress address() {
        return address;
    }

    private void accept() {
        try {
            while (true) {
                SocketChannel channel = listener.accept();
                Thread _ = Thread.ofVirtual().name("service-client").start(() -> serve(channel));
            }
        } catch (ClosedChannelException _) {
            // The door is closed.
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "clients of the service cannot come any more: {0}", e.getMessage());
        }
    }

    private void serve(SocketChannel channel) {
        try (channel) {
            if (!(address instanceof UnixDomainSocketAddress)) {
                SocketChannel _ = channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            }
            new ServiceClient(device, channel).live();
        } catch (IOException | IllegalArgumentException e) {
            LOG.log(System.Logger.Level.DEBUG, "a client of the service: {0}", e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Hangs up on all clients, and lets none in any more. */
    @Override
    public void close() {
        device.refuse();
        try {
            listener.close();
            if (address instanceof UnixDomainSocketAddress file) {
                boolean _ = Files.deleteIfExists(file.getPath());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("closing the service at " + address, e);
        }
    }
}
