// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import io.godwit.engine.guest.DeviceStateException;
import io.godwit.machines.service.RequestRing.Request;
import java.util.List;
import java.util.Optional;

/**
 * The requests in line for the guest, and how far it is. In a secondary also those that it has taken, until a state
 * covers them. Guarded by who owns it, but for {@link #isWaiting} and {@link #taken}.
 */
final class RequestLine {
    private final RequestRing ring = new RequestRing();
    /** Whether it is known which request is next; else those that are fed only wait for a state. */
    private boolean whole;

    private boolean secondary;
    /** The number of the last that was fed; 0: none was. */
    private long fed;

    private volatile long taken;
    private volatile long takeable;

    RequestLine(boolean whole) {
        this.whole = whole;
    }

    /** The number of the last request. */
    long last() {
        return ring.next() - 1;
    }

    /** How many it keeps. */
    int size() {
        return ring.size();
    }

    /** The number of the last request that the guest has taken. */
    long taken() {
        return taken;
    }

    /** How many the guest has not taken. */
    long waiting() {
        return last() - taken;
    }

    /** Whether the guest can take one. */
    boolean isWaiting() {
        return takeable > taken;
    }

    /** The next request. */
    void add(byte[] content, Optional<Customer> from) {
        ring.add(new Request(content, from));
        announce();
    }

    private void announce() {
        takeable = whole ? last() : taken;
    }

    /** The guest takes the next one, which there is. */
    Request take() {
        long number = taken + 1;
        Request request = ring.get(number);
        taken = number;
        if (!secondary) {
            ring.dropBefore(number + 1);
        }
        return request;
    }

    /** Begins to be a secondary's, of which no state has come: one that was loaded in a rehearsal is none. */
    void standBy() {
        secondary = true;
        fed = 0;
        whole = false;
        announce();
    }

    /** Ends that: what the guest has taken is not needed any more. */
    void takeOver() {
        secondary = false;
        ring.dropBefore(taken + 1);
    }

    /**
     * A request of the primary's. One that is in line already, since it came with a state, only counts as fed.
     *
     * @throws IllegalArgumentException if it does not follow
     */
    void feed(long number, byte[] content) {
        long before = fed == 0 ? last() : fed;
        if (number < 1 || (fed != 0 && number != fed + 1) || (whole && number > ring.next())) {
            throw new IllegalArgumentException("request %d is fed after %d".formatted(number, before));
        }
        if (!whole && fed == 0) {
            ring.restart(number);
        }
        fed = number;
        if (number == ring.next()) {
            add(content, Optional.empty());
        }
    }

    /** The contents of those that the guest has not taken. */
    List<byte[]> waitingContents() {
        return ring.from(taken + 1).stream().map(Request::content).toList();
    }

    /**
     * Becomes what a state says, and what was fed behind that.
     *
     * @throws DeviceStateException if requests between the two are missing; nothing has changed then
     */
    void load(ServiceState state) {
        long last = state.taken() + state.waiting().size();
        List<Request> behind = fedBehind(last);
        ring.restart(state.taken() + 1);
        state.waiting().forEach(content -> ring.add(new Request(content, Optional.empty())));
        behind.forEach(ring::add);
        taken = state.taken();
        whole = true;
        announce();
    }

    private List<Request> fedBehind(long last) {
        if (!secondary || fed <= last) {
            return List.of();
        }
        if (ring.first() > last + 1) {
            throw new DeviceStateException(
                    ServiceState.NAME,
                    0,
                    "it knows requests up to %d; the first that was fed behind it is %d".formatted(last, ring.first()));
        }
        return ring.from(last + 1);
    }
}
