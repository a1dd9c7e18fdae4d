// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.machines.programs.ServiceLayout;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * What one client knows of the guest: the number of its last request, the values of its cells, and its checksum. Asks
 * by chance, and checks what it is answered. Belongs to the client's thread.
 *
 * <p>A client that finds a guest which knows it already goes on from the number it finds there, and takes the first
 * value of each cell as it comes.
 */
final class ClientModel {
    private static final int LARGEST_SUMMAND = 1000;

    private final int client;
    private final ClientSettings.Mix mix;
    private final SplittableRandom random;
    private final long[] values;
    private final boolean[] known;
    private int keys;
    private boolean met;
    private long last;
    private long checksum;
    private boolean checksumKnown;

    ClientModel(int client, ClientSettings settings) {
        this.client = client;
        this.mix = settings.mix();
        this.random = new SplittableRandom(settings.seed() + client);
        this.keys = settings.keys();
        this.values = new long[keys];
        this.known = new boolean[keys];
    }

    /** The next request. Until it has been answered it stays the same, whatever happens. */
    ClientRequest next() {
        if (!met) {
            return new ClientRequest(client, 0, ServiceLayout.READ, 0, 0);
        }
        double chance = random.nextDouble(100);
        int key = random.nextInt(keys);
        long cell = client + (long) key * ServiceLayout.CLIENTS;
        if (chance < mix.clocks()) {
            return new ClientRequest(client, last + 1, ServiceLayout.CLOCK, 0, 0);
        }
        if (chance < mix.clocks() + mix.touches()) {
            return new ClientRequest(client, last + 1, ServiceLayout.TOUCH, 0, mix.touchedPages());
        }
        if (chance < mix.clocks() + mix.touches() + mix.reads() || !known[key]) {
            return new ClientRequest(client, last + 1, ServiceLayout.READ, cell, 0);
        }
        return new ClientRequest(client, last + 1, ServiceLayout.ADD, cell, 1 + random.nextInt(LARGEST_SUMMAND));
    }

    /** Takes the answer to a request; says what is wrong with it. */
    Optional<String> check(ClientRequest request, ClientAnswer answer) {
        if (answer.client() != client || answer.number() != request.number()) {
            return Optional.of(
                    answer.client() == client && answer.number() <= last
                            ? "request %d was answered twice, the second time in the place of an answer to %d"
                                    .formatted(answer.number(), request.number())
                            : "request %d was answered with an answer to request %d of client %d"
                                    .formatted(request.number(), answer.number(), answer.client()));
        }
        if (request.number() == 0) {
            return meet(answer);
        }
        if (answer.status() != 0) {
            return Optional.of(
                    answer.value() < last
                            ? "answers are lost: it was answered up to request %d, and the guest knows of %d only"
                                    .formatted(last, answer.value())
                            : "request %d was refused (status %d): the last one that the guest knows is %d"
                                    .formatted(request.number(), answer.status(), answer.value()));
        }
        last = request.number();
        return switch (request.operation()) {
            case ServiceLayout.CLOCK -> checkChecksum(answer, checksum);
            case ServiceLayout.TOUCH ->
                answer.value() < 0 || answer.value() > request.value()
                        ? Optional.of("request %d touched %d pages, and should have touched %d at most"
                                .formatted(last, answer.value(), request.value()))
                        : checkChecksum(answer, checksum);
            default -> checkValue(request, answer);
        };
    }

    private Optional<String> meet(ClientAnswer answer) {
        if (answer.status() != 1 || answer.value() < 0) {
            return Optional.of("the question for its last number was answered with status %d and %d"
                    .formatted(answer.status(), answer.value()));
        }
        met = true;
        last = answer.value();
        checksumKnown = last == 0;
        keys = Math.clamp((answer.checksum() + 1) / ServiceLayout.CLIENTS, 1, keys);
        return Optional.empty();
    }

    private Optional<String> checkValue(ClientRequest request, ClientAnswer answer) {
        int key = (int) (request.key() / ServiceLayout.CLIENTS);
        long expected = values[key] + (request.operation() == ServiceLayout.ADD ? request.value() : 0);
        if (known[key] && answer.value() != expected) {
            return Optional.of("request %d was answered with the value %d, and cell %d should have %d"
                    .formatted(last, answer.value(), request.key(), expected));
        }
        values[key] = answer.value();
        known[key] = true;
        return checkChecksum(answer, checksum * ServiceLayout.CHECKSUM_FACTOR + answer.value());
    }

    private Optional<String> checkChecksum(ClientAnswer answer, long expected) {
        if (checksumKnown && answer.checksum() != expected) {
            return Optional.of("request %d was answered with the checksum 0x%x, and it should be 0x%x"
                    .formatted(last, answer.checksum(), expected));
        }
        checksum = answer.checksum();
        checksumKnown = true;
        return Optional.empty();
    }
}
