// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.control.Json;
import io.godwit.control.MigrationCapabilities;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What a guest is restored into, driven over QMP: a QEMU or a Godwit host that was started with {@code -incoming
 * defer}. All methods throw {@link io.godwit.control.QmpConnectionException} if it is gone or does not answer. One
 * thread at a time.
 */
public final class Destination implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** LIMIT: a destination notices within this time that its source is gone. */
    private static final long NOTICE_NANOS = 10_000_000_000L;

    /** For a status while it may be that it answers out of band only. */
    private static final Duration LITTLE_PATIENCE = Duration.ofSeconds(1);

    /** In the place of a status. */
    private static final String SILENT = "silent";

    /** It tells of each change; this is for one that was told before it was looked for. */
    private static final Duration LOOK = Duration.ofMillis(50);

    private final QmpClient qmp;
    private final Optional<Supplier<String>> addresses;
    private final boolean runsGuest;
    /** Why it did not listen again, as it says. */
    private String refusal = "";

    private Destination(QmpClient qmp, Optional<Supplier<String>> addresses, boolean runsGuest) {
        this.qmp = qmp;
        this.runsGuest = runsGuest;
        this.addresses = addresses;
    }

    /** One that somebody else has started; it listens at one address again and again. */
    public static Destination at(QmpAddress address) {
        return new Destination(QmpClient.connect(address, PATIENCE), Optional.empty(), false);
    }

    /**
     * One of ours, which listens at a new address each time.
     *
     * @param runsGuest whether the guest shall run, even if it was paused when it was captured
     */
    static Destination launched(QmpClient qmp, Supplier<String> addresses, boolean runsGuest) {
        return new Destination(qmp, Optional.of(addresses), runsGuest);
    }

    /** Where it listens the next time. */
    String nextAddress(String before) {
        return addresses.map(Supplier::get).orElse(before);
    }

    /**
     * Whether it takes a connection for requested pages when postcopy begins. A QEMU before 8.0 reads nothing before it
     * has both connections.
     */
    boolean connectsForRequestsLate() {
        return qmp.execute("query-version", PATIENCE).path("qemu").path("major").asInt(0) >= 8;
    }

    /** Its own names for the capabilities that it has, switched on or not. */
    Set<String> capabilities() {
        Set<String> names = new HashSet<>();
        qmp.execute("query-migrate-capabilities", PATIENCE)
                .forEach(one -> names.add(one.path("capability").asString("")));
        return names;
    }

    /** Switches these capabilities, by name. */
    void set(Map<String, Boolean> capabilities) {
        MigrationCapabilities.set(qmp, capabilities, PATIENCE);
    }

    /** Lets it listen, unless it does so already. */
    void listen(String uri) {
        if (migrationStatus().equals("none")) {
            qmp.execute("migrate-incoming", Json.object().put("uri", uri), PATIENCE);
        }
    }

    /** Its own name for where the migration stands; {@code none} before. */
    String migrationStatus() {
        return qmp.execute("query-migrate", PATIENCE).path("status").asString("none");
    }

    /** Lets a guest run that was paused when it was captured, if this destination was started for it to run. */
    void runIfPaused() {
        if (runsGuest
                && qmp.execute("query-status", PATIENCE)
                        .path("status")
                        .asString("")
                        .equals("paused")) {
            qmp.execute("cont", PATIENCE);
        }
    }

    /**
     * Waits until it has noticed that the connection is lost, and lets it listen for another.
     *
     * @return false if it has no guest that could be gone on with
     */
    boolean recover(String uri) throws InterruptedException {
        long until = System.nanoTime() + NOTICE_NANOS;
        while (true) {
            if (qmp.takesOutOfBand() && listensAgain(uri)) {
                return true;
            }
            String status = statusIfItAnswers();
            switch (status) {
                case "postcopy-paused" -> {
                    if (listensAgain(uri)) {
                        return true;
                    }
                }
                case "postcopy-active", SILENT -> cut();
                case "postcopy-recover", "postcopy-recover-setup", "active", "device" -> {}
                default -> {
                    return false;
                }
            }
            if (System.nanoTime() - until > 0) {
                throw new RestoreException(
                        "The destination is still '" + status + "' 10 s after the connection was lost. " + refusal,
                        true);
            }
            var _ = qmp.nextEvent(LOOK);
        }
    }

    /** Whether it has noticed that the connection is lost, and listens for another now. */
    private boolean listensAgain(String uri) {
        try {
            qmp.executeOutOfBand("migrate-recover", Json.object().put("uri", uri), PATIENCE);
            return true;
        } catch (QmpException e) {
            refusal = MigrationException.withFullStop(MigrationException.sentence(e));
            return false;
        }
    }

    /** A QEMU whose main thread waits for a page of the guest does not answer, and yet can be recovered. */
    private String statusIfItAnswers() {
        try {
            return qmp.execute("query-migrate", qmp.takesOutOfBand() ? LITTLE_PATIENCE : PATIENCE)
                    .path("status")
                    .asString("none");
        } catch (QmpConnectionException e) {
            if (qmp.takesOutOfBand() && qmp.isConnected()) {
                return SILENT;
            }
            throw e;
        }
    }

    /** A connection that is cut in one direction only is not noticed by who does not write. */
    private void cut() {
        try {
            qmp.executeOutOfBand("migrate-pause", Json.object(), PATIENCE);
        } catch (QmpException _) {
            // It has noticed meanwhile.
        }
    }

    @Override
    public void close() {
        qmp.close();
    }
}
