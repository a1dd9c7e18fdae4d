// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.machines.programs.ServiceLayout;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * What clients do.
 *
 * @param addresses where the service may be; the next one is tried when a connection breaks or is refused
 * @param clients how many there are; each has a connection and asks one thing at a time
 * @param firstClient the number of the first one, the others follow
 * @param keys how many cells each of them uses; fewer if the guest has fewer
 * @param mix what is asked
 * @param seed for what is random
 * @param requestsPerSecond of each client, at most; 0: as many as it can
 * @param answerTimeout how long it waits for an answer before it tries the next address
 * @param patience how long a request may stay without an answer at all
 */
public record ClientSettings(
        List<SocketAddress> addresses,
        int clients,
        int firstClient,
        int keys,
        Mix mix,
        long seed,
        double requestsPerSecond,
        Duration answerTimeout,
        Duration patience) {
    /**
     * What is asked, in percent; the rest adds.
     *
     * @param reads that read a cell
     * @param touches that touch pages
     * @param touchedPages how many pages each of those touches
     * @param clocks that ask for the time, which no two copies of a guest answer alike
     */
    public record Mix(double reads, double touches, int touchedPages, double clocks) {
        /** Half of them read, half of them add. */
        public static final Mix READ_AND_ADD = new Mix(50, 0, 0, 0);

        /** Checks ranges. */
        public Mix {
            if (reads < 0 || touches < 0 || clocks < 0 || reads + touches + clocks > 100) {
                throw new IllegalArgumentException("of all requests %s %% read, %s %% touch and %s %% ask for the time"
                        .formatted(reads, touches, clocks));
            }
            if (touchedPages < 0 || touchedPages > ServiceLayout.MAX_TOUCHED_PAGES) {
                throw new IllegalArgumentException("a request touches 0 to %d pages, not %d"
                        .formatted(ServiceLayout.MAX_TOUCHED_PAGES, touchedPages));
            }
        }
    }

    /** Checks ranges. */
    public ClientSettings {
        addresses = List.copyOf(addresses);
        if (addresses.isEmpty()) {
            throw new IllegalArgumentException("clients need an address");
        }
        if (clients < 1 || firstClient < 0 || firstClient > ServiceLayout.CLIENTS - clients) {
            throw new IllegalArgumentException("clients have numbers from 0 to %d; %d of them from %d on do not fit"
                    .formatted(ServiceLayout.CLIENTS - 1, clients, firstClient));
        }
        if (keys < 1) {
            throw new IllegalArgumentException("a client uses 1 key or more, not " + keys);
        }
    }

    /** Some clients, eight keys each, that ask as fast as they can. */
    public static ClientSettings of(List<SocketAddress> addresses, int clients) {
        return new ClientSettings(
                addresses,
                clients,
                0,
                8,
                Mix.READ_AND_ADD,
                0x676f_6477,
                0,
                Duration.ofSeconds(2),
                Duration.ofSeconds(30));
    }

    /** The same from another number on. */
    public ClientSettings withFirstClient(int other) {
        return new ClientSettings(
                addresses, clients, other, keys, mix, seed, requestsPerSecond, answerTimeout, patience);
    }

    /** The same with another mix. */
    public ClientSettings withMix(Mix other) {
        return new ClientSettings(
                addresses, clients, firstClient, keys, other, seed, requestsPerSecond, answerTimeout, patience);
    }

    /** The same with another seed. */
    public ClientSettings withSeed(long other) {
        return new ClientSettings(
                addresses, clients, firstClient, keys, mix, other, requestsPerSecond, answerTimeout, patience);
    }

    /** The same at another pace. */
    public ClientSettings withRequestsPerSecond(double other) {
        return new ClientSettings(addresses, clients, firstClient, keys, mix, seed, other, answerTimeout, patience);
    }

    /** The same with other patience. */
    public ClientSettings withPatience(Duration forOneAnswer, Duration inAll) {
        return new ClientSettings(
                addresses, clients, firstClient, keys, mix, seed, requestsPerSecond, forOneAnswer, inAll);
    }
}
