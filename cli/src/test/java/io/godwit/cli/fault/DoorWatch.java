// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import io.godwit.machines.service.ServiceAddress;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Knocks at the doors of two hosts in turn, all the time, and asks whether the guest is there. One that is there, then
 * at the other door, and at the first one again, is there twice: no guest moves there and back so fast.
 */
final class DoorWatch implements AutoCloseable {
    private static final long PAUSE_MILLIS = 5;
    private static final int GREETING_BYTES = 16;
    private static final int HERE_AT = 8;

    private final List<SocketAddress> doors;
    private final CountDownLatch stop = new CountDownLatch(1);
    private volatile long rounds;
    private volatile long twice;

    /** Begins. */
    DoorWatch(List<String> doors) {
        this.doors = doors.stream().map(ServiceAddress::parse).toList();
        Thread _ = Thread.ofVirtual().name("door-watch").start(this::watch);
    }

    /** How often it has looked. */
    long rounds() {
        return rounds;
    }

    /** How often the guest was there twice. */
    long twice() {
        return twice;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void watch() {
        try {
            while (!stop.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS)) {
                rounds++;
                if (isHere(0) && isHere(1) && isHere(0)) {
                    twice++;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean isHere(int door) {
        ByteBuffer greeting = ByteBuffer.allocate(GREETING_BYTES);
        UnixDomainSocketAddress address = (UnixDomainSocketAddress) doors.get(door);
        try (SocketChannel channel = SocketChannel.open(address)) {
            while (greeting.hasRemaining()) {
                if (channel.read(greeting) < 0) {
                    return false;
                }
            }
            return greeting.getInt(HERE_AT) == 1;
        } catch (IOException e) {
            // Nobody lives there now.
            return false;
        }
    }

    @Override
    public void close() {
        stop.countDown();
    }
}
