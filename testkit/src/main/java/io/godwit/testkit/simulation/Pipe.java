// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;

/** One direction of a simulated connection: bytes that are on their way, or have come and were not read. */
final class Pipe {
    private static final class Packet {
        final byte[] bytes;
        final long arrivalNanos;

        Packet(byte[] bytes, long arrivalNanos) {
            this.bytes = bytes;
            this.arrivalNanos = arrivalNanos;
        }
    }

    private final String name;
    private final int capacity;
    private final long latencyNanos;
    private final long bytesPerSecond;
    private final Queue<Packet> packets = new ArrayDeque<>();
    private int taken;
    private int held;
    private long idleAtNanos;
    private long sent;
    private boolean ended;
    private boolean givenUp;

    Pipe(String name, int capacity, long latencyNanos, long bytesPerSecond) {
        this.name = name;
        this.capacity = capacity;
        this.latencyNanos = latencyNanos;
        this.bytesPerSecond = bytesPerSecond;
    }

    /** Room for bytes now. */
    int room() {
        return capacity - held;
    }

    /** Sends bytes, at most as many as there is room for. */
    void send(byte[] bytes, int length, long nowNanos) {
        idleAtNanos = Math.max(idleAtNanos, nowNanos) + length * 1_000_000_000L / bytesPerSecond;
        packets.add(new Packet(Arrays.copyOf(bytes, length), idleAtNanos + latencyNanos));
        held += length;
        sent += length;
    }

    /** Bytes that were ever sent. */
    long sent() {
        return sent;
    }

    /** Nothing arrives before this time. */
    void holdUp(long untilNanos) {
        idleAtNanos = Math.max(idleAtNanos, untilNanos);
    }

    /** Takes bytes that have arrived; 0 if there are none. */
    int take(byte[] into, int length, long nowNanos) {
        int done = 0;
        while (done < length && !packets.isEmpty() && packets.peek().arrivalNanos <= nowNanos) {
            byte[] bytes = packets.peek().bytes;
            int count = Math.min(length - done, bytes.length - taken);
            System.arraycopy(bytes, taken, into, done, count);
            done += count;
            taken += count;
            if (taken == bytes.length) {
                packets.remove();
                taken = 0;
            }
        }
        held -= done;
        return done;
    }

    /** When the next byte arrives; {@link Turn#NEVER} if none is on its way. */
    long nextArrivalNanos() {
        return packets.isEmpty() ? Turn.NEVER : packets.peek().arrivalNanos;
    }

    /** Whether nothing is on its way and nothing will be sent any more. */
    boolean isDrained() {
        return ended && packets.isEmpty();
    }

    /** The sender sends no more; what is on its way arrives. */
    void end() {
        ended = true;
    }

    /** Nobody reads any more. */
    void giveUp() {
        givenUp = true;
    }

    /** Whether nobody reads any more. */
    boolean isGivenUp() {
        return givenUp;
    }

    /** What is on its way is lost. */
    void lose() {
        packets.clear();
        held = 0;
        taken = 0;
    }

    @Override
    public String toString() {
        return name;
    }
}
