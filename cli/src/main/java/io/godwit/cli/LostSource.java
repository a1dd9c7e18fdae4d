// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import java.time.Duration;
import java.util.Optional;

/**
 * What becomes of a migration whose source does not answer any more. The destination is asked, where it is known. What
 * cannot be known is said, with what to type next.
 *
 * @param source the source, which is gone or silent
 * @param destination whom to ask
 * @param patience how long a destination may take to end what a source left that is gone
 */
record LostSource(QmpClient source, Optional<QmpClient> destination, Duration patience) {
    /** The status of a migration of which nobody could say how it ended. */
    static final String UNKNOWN = "unknown";

    /**
     * The last sample with how it ended, as far as is known: by the destination's word, or as {@link #UNKNOWN}. All but
     * {@code completed} have an error, which says what to do next.
     */
    MigrationSample settle(MigrationSample last, QmpConnectionException reason) {
        boolean gone = !source.isConnected();
        String start =
                gone ? "The source is gone: " + reason.getMessage() : "The source is silent: " + reason.getMessage();
        Optional<DestinationWord> there =
                destination.flatMap(client -> DestinationWord.of(client, gone ? patience : Duration.ZERO));
        String status = there.map(DestinationWord::status).orElse(UNKNOWN);
        if (status.equals("completed")) {
            return last.endedAs(status, Optional.empty());
        }
        String said = there.map(DestinationWord::sentence)
                .orElse(destination.isEmpty() ? "" : " The destination does not answer either.");
        if (!gone) {
            return last.endedAs(UNKNOWN, Optional.of(start + said + goesOn(last)));
        }
        return switch (status) {
            case "failed", "cancelled" ->
                last.endedAs(
                        status,
                        Optional.of(start + said + " The guest did not move: it ended with the source, or is there"
                                + " still if only QMP ended."));
            case "postcopy-paused" -> last.endedAs(status, Optional.of(start));
            default ->
                last.endedAs(
                        UNKNOWN,
                        Optional.of(start + said + " Only the destination knows whether it has the guest. There,"
                                + " query-migrate says completed if so"
                                + destination
                                        .map(client -> ":" + command(client.address(), "query-migrate"))
                                        .orElse(".")));
        };
    }

    /** Who has the guest, for the one who waits for a migration that was completed without its source's word. */
    String whoHasTheGuest() {
        boolean runs = destination.map(DestinationWord::isRunning).orElse(false);
        return "The source " + source.address() + (source.isConnected() ? " is silent" : " is gone")
                + ". The destination says that the migration is completed: the guest "
                + (runs ? "runs" : "is") + " there.";
    }

    private String goesOn(MigrationSample last) {
        return " Nothing was cancelled: the migration goes on as soon as the source does. To look:"
                + command(source.address(), "query-migrate")
                + (last.isPostcopy()
                        ? System.lineSeparator() + "It cannot be cancelled: the guest is at the destination already."
                        : System.lineSeparator() + "To cancel:" + command(source.address(), "migrate_cancel"));
    }

    /** A QMP command as a line to type. */
    private static String command(QmpAddress address, String name) {
        return System.lineSeparator() + "  "
                + switch (address) {
                    case QmpAddress.Unix unix -> socat(name, "UNIX-CONNECT:" + unix.path());
                    case QmpAddress.Tcp tcp ->
                        socat(name, "TCP:" + tcp.toString().substring("tcp:".length()));
                    case QmpAddress.Libvirt(String domain, Optional<String> uri) ->
                        "virsh " + uri.map(to -> "-c " + to + " ").orElse("") + "qemu-monitor-command " + domain
                                + " '{\"execute\":\"" + name + "\"}'";
                };
    }

    private static String socat(String name, String socket) {
        return "echo '{\"execute\":\"qmp_capabilities\"}{\"execute\":\"" + name + "\"}' | socat -t 5 - " + socket;
    }
}
