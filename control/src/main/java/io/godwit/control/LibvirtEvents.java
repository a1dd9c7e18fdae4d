// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.BufferedReader;
import java.io.IOException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.node.ObjectNode;

/**
 * The events of a domain, as {@code virsh qemu-monitor-event} prints them, with QEMU's own times.
 *
 * <p>virsh does not say when it begins to listen. Its library does, in its log: it notes the answer to its request.
 */
final class LibvirtEvents implements AutoCloseable {
    /** LIMIT: events nobody has asked for yet; the oldest go first. */
    private static final int MAX_EVENTS = 4096;

    /** The answer (type 1) to a request for events (procedure 4 of libvirt's program for QEMU). */
    private static final Pattern LISTENING = Pattern.compile("CLIENT_MSG_RX: .*prog=536903815 vers=1 proc=4 type=1 ");

    private static final Pattern EVENT = Pattern.compile("(\\S+ \\S+): event (\\S+) for domain '.*?': (\\{.*}|<null>)");

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSxx", Locale.ROOT);

    private final Process process;
    private final Thread end;
    private final BlockingQueue<QmpEvent> events = new LinkedBlockingQueue<>(MAX_EVENTS);
    private final CountDownLatch listening = new CountDownLatch(1);
    private volatile boolean ended;

    LibvirtEvents(Virsh virsh) {
        process = virsh.start(
                List.of("qemu-monitor-event", virsh.domainOption(), "--loop", "--timestamp"),
                "LIBVIRT_LOG_FILTERS",
                "2:rpc.netclient 4:*",
                "LIBVIRT_LOG_OUTPUTS",
                "1:stderr");
        end = Thread.ofPlatform().name("qmp-virsh-end").unstarted(process::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(end);
        Thread.ofVirtual().name("qmp-virsh-events").start(this::read);
    }

    /** Waits until no event can be missed any more; not longer than the timeout, which costs only certainty. */
    void awaitListening(Duration timeout) {
        try {
            boolean _ = listening.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    Optional<QmpEvent> next(Duration timeout) throws InterruptedException {
        return Optional.ofNullable(events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS));
    }

    /** Whether libvirt still tells of events: the domain may have ended all the same. */
    boolean isListening() {
        return !ended;
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            boolean _ = Runtime.getRuntime().removeShutdownHook(end);
        } catch (IllegalStateException e) {
            // The process ends just now, and the hook with it.
        }
    }

    private void read() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (LISTENING.matcher(line).find()) {
                    listening.countDown();
                }
                event(line).ifPresent(this::keep);
            }
        } catch (IOException e) {
            // It was closed.
        }
        ended = true;
        listening.countDown();
    }

    private void keep(QmpEvent event) {
        while (!events.offer(event)) {
            QmpEvent _ = events.poll();
        }
    }

    /** The event that a line tells of; empty if it tells of none. */
    static Optional<QmpEvent> event(String line) {
        Matcher matcher = EVENT.matcher(line);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        try {
            ObjectNode data =
                    matcher.group(3).startsWith("{") && Json.parse(matcher.group(3)) instanceof ObjectNode object
                            ? object
                            : Json.object();
            return Optional.of(new QmpEvent(
                    matcher.group(2),
                    data,
                    OffsetDateTime.parse(matcher.group(1), TIME).toInstant()));
        } catch (Json.SyntaxException | DateTimeParseException e) {
            return Optional.empty();
        }
    }
}
