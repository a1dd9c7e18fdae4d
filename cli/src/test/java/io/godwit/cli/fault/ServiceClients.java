// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import io.godwit.machines.client.ClientSettings;
import io.godwit.machines.service.ServiceAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Clients of a service that may be behind several doors. They check every answer. */
final class ServiceClients implements AutoCloseable {
    private static final int CLIENTS = 4;
    /** Of each: not so many that they keep the hosts from their other work. */
    private static final double REQUESTS_PER_SECOND = 300;

    private static final long ANSWERS = 100;
    private static final long LOOK_NANOS = 1_000_000;

    private final ClientLoad load;

    /** They begin to ask; {@code seed} is of what they ask. */
    ServiceClients(List<String> doors, long seed) {
        load = ClientLoad.start(
                ClientSettings.of(doors.stream().map(ServiceAddress::parse).toList(), CLIENTS)
                        .withSeed(seed)
                        .withRequestsPerSecond(REQUESTS_PER_SECOND)
                        .withPatience(Duration.ofSeconds(2), Host.PATIENCE)
                        .withMix(new ClientSettings.Mix(45, 4, 20, 1)));
    }

    ClientFigures figures() {
        return load.figures();
    }

    /** The longest gap begins anew: with the next answer. */
    void forgetGaps() {
        load.forgetGaps();
    }

    /** Waits until some more of them were answered. */
    void awaitAnswers() {
        awaitAnswers(() -> "");
    }

    /** The same; {@code why} explains what is instead. */
    void awaitAnswers(Supplier<String> why) {
        long before = load.figures().answers();
        await("answers", LOOK_NANOS, why, () -> load.figures().answers() >= before + ANSWERS);
    }

    /** Waits for it, as long as nobody was told anything wrong; {@code why} explains what is instead. */
    void await(String what, long lookNanos, Supplier<String> why, BooleanSupplier condition) {
        long deadline = System.nanoTime() + Host.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(load.figures().findings())
                    .as(() -> "findings of clients while awaiting " + what + " " + why.get())
                    .isEmpty();
            assertThat(System.nanoTime() - deadline)
                    .as(() -> what + " " + why.get())
                    .isNegative();
            LockSupport.parkNanos(lookNanos);
        }
    }

    @Override
    public void close() {
        load.close();
    }
}
