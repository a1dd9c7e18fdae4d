// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The way to a protected guest, from {@code migrate} until both sides say that they are in COLO, over QMP: works with
 * Godwit and with QEMU at either end.
 *
 * @param primary has the guest
 * @param secondary waits for it; empty if nobody there answers QMP
 */
record Protecting(QmpClient primary, Optional<QmpClient> secondary) {
    static final String CAPABILITY = "x-colo";
    private static final String COLO = "colo";
    private static final Duration LOOK = Duration.ofMillis(50);

    /**
     * Switches COLO on at a host, unless it is on.
     *
     * @param side begins the sentence if that is refused
     */
    static void switchOn(QmpClient host, String side) {
        for (JsonNode capability :
                host.execute("query-migrate-capabilities", Addresses.PATIENCE).values()) {
            if (capability.path("capability").asString("").equals(CAPABILITY)
                    && capability.path("state").asBoolean(false)) {
                return;
            }
        }
        try {
            set(host, CAPABILITY, true);
        } catch (QmpException e) {
            throw new CommandFailure(side + " does not switch x-colo on: " + e.getMessage(), e);
        }
    }

    /** Sets one capability. */
    static void set(QmpClient host, String capability, boolean on) {
        ObjectNode arguments = Json.object();
        arguments
                .putArray("capabilities")
                .add(Json.object().put("capability", capability).put("state", on));
        host.execute("migrate-set-capabilities", arguments, Addresses.PATIENCE);
    }

    /**
     * Sends the guest's copy, and waits.
     *
     * @param uri where the secondary listens
     * @param patience how long it may take in all
     * @return how long it took, in nanoseconds
     * @throws CommandFailure with what either side says if it does not come to protection
     */
    long begin(String uri, ProgressView view, Duration patience) {
        long began = System.nanoTime();
        primary.execute("migrate", Json.object().put("uri", uri), Addresses.PATIENCE);
        while (true) {
            MigrationSample sample = sample(primary);
            boolean there = sample.status().equals(COLO);
            if (there && secondary.map(Protecting::isIn).orElse(true)) {
                view.end(sample);
                return System.nanoTime() - began;
            }
            if (sample.isEnded()) {
                throw new CommandFailure(failure(sample));
            }
            if (System.nanoTime() - began > patience.toNanos()) {
                throw new CommandFailure("The guest is not protected within " + patience.toSeconds()
                        + " s: the primary is '" + sample.status() + "', the secondary "
                        + secondary.map(Protecting::said).orElse("was not asked") + ".");
            }
            if (!there) {
                view.show(sample);
            }
            Optional<QmpEvent> _ = pause(primary);
        }
    }

    static MigrationSample sample(QmpClient host) {
        return MigrationSample.of(host.execute("query-migrate", Addresses.PATIENCE));
    }

    private static boolean isIn(QmpClient secondary) {
        MigrationSample sample = sample(secondary);
        if (sample.isEnded()) {
            throw new CommandFailure("The secondary did not come to COLO: it is '" + sample.status() + "'"
                    + sample.error().map(error -> ": " + error).orElse("."));
        }
        return sample.status().equals(COLO);
    }

    private static String said(QmpClient secondary) {
        return "is '" + sample(secondary).status() + "'";
    }

    private String failure(MigrationSample last) {
        String there = secondary
                .flatMap(client -> DestinationWord.of(client, Duration.ofSeconds(1)))
                .filter(word -> !last.error().orElse("").contains(word.reason()))
                .map(DestinationWord::sentence)
                .orElse("");
        if (last.isCompleted()) {
            return "The guest is not protected: it has moved to the secondary, and does not run at the primary any"
                    + " more. A QEMU 10.0.0 to 10.0.6 does so as a primary; 10.0.7 does not." + there;
        }
        return Report.ending("The guest is not protected: the way there", last) + there;
    }

    /** Waits a moment, or less if there is news. */
    static Optional<QmpEvent> pause(QmpClient host) {
        try {
            return host.nextEvent(LOOK);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }
}
