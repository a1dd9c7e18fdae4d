// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.host.HostControl;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Every command: a row for each, which is all that a new one needs beside its handler. Commands that change something
 * run one after the other, whichever session they come from; those that only look wait for nobody.
 */
final class QmpCommands {
    private final HostControl host;
    private final Map<String, QmpCommand> table = new LinkedHashMap<>();
    private final ReentrantLock changing = new ReentrantLock();

    /**
     * For one host.
     *
     * @param announceQuit tells all sessions that {@code quit} was asked for
     * @param announceDeleted tells all sessions that the guest has lost the device of this id
     */
    QmpCommands(HostControl host, Runnable announceQuit, Consumer<String> announceDeleted) {
        this.host = host;
        session(announceQuit);
        migration();
        dirtyPages();
        memory(announceDeleted);
        descriptors();
        guest();
    }

    private void session(Runnable announceQuit) {
        put(
                "qmp_capabilities",
                "enable",
                false,
                QmpCommands::negotiate,
                "the first command; no capability can be enabled");
        look("query-commands", "", _ -> names(), "all commands, with what they do");
        look("query-version", "", _ -> GodwitVersion.toJson(), "which QEMU's commands these are");
        look("query-status", "", _ -> status(), "what the guest is doing");
        change("stop", "", _ -> host.stop(), "the guest stands still");
        change("cont", "", _ -> host.cont(), "the guest runs");
        put("quit", "", true, (_, caller) -> quit(caller, announceQuit), "ends the host");
    }

    private void migration() {
        MigrationCommands commands = new MigrationCommands(host);
        change("migrate", "uri channels detach resume", commands::migrate, "moves the guest to a destination");
        change("migrate-incoming", "uri channels exit-on-error", commands::migrateIncoming, "listens for a guest");
        change("migrate_cancel", "", _ -> host.migration().cancel(), "ends a migration; the guest stays");
        change("migrate-continue", "state", commands::migrateContinue, "goes on from pre-switchover");
        change("migrate-start-postcopy", "", _ -> host.migration().startPostcopy(), "the guest goes before its memory");
        change("migrate-pause", "", _ -> host.migration().pausePostcopy(), "cuts the connection of a postcopy");
        change("migrate-recover", "uri", commands::migrateRecover, "listens for the source of a paused postcopy");
        change(
                "x-colo-lost-heartbeat",
                "",
                _ -> host.migration().failOver(),
                "the other side of COLO is lost: goes on alone");
        look(
                "query-colo-status",
                "",
                _ -> ColoFigures.status(host.migration().statistics()),
                "what this host is to a protected guest");
        figures("query-migrate", MigrationFigures::queryMigrate, "the figures of the latest migration");
        figures("x-godwit-statistics", MigrationFigures::statistics, "all figures of the latest migration");
        change(
                "migrate-set-parameters",
                MigrationCommands.parameterNames(),
                commands::setParameters,
                "changes settings, also of a migration that runs");
        look(
                "query-migrate-parameters",
                "",
                _ -> MigrationFigures.parameters(host.migration().parameters()),
                "the settings");
        change("migrate-set-capabilities", "capabilities", commands::setCapabilities, "switches capabilities");
        look(
                "query-migrate-capabilities",
                "",
                _ -> MigrationFigures.capabilities(host.migration().capabilities()),
                "which capabilities are on");
    }

    private void dirtyPages() {
        change(
                "calc-dirty-rate",
                "calc-time calc-time-unit mode sample-pages x-intervals",
                arguments -> host.migration().calcDirtyRate(DirtyRateWords.request(arguments)),
                "begins to measure how fast the guest writes");
        look(
                "query-dirty-rate",
                "calc-time-unit",
                arguments -> DirtyRateWords.answer(arguments, host.migration().dirtyRate()),
                "the latest measurement");
        change(
                "set-vcpu-dirty-limit",
                "cpu-index dirty-rate",
                arguments -> DirtyLimitWords.set(arguments, host.migration()),
                "limits what a vCPU, or each, may dirty");
        change(
                "cancel-vcpu-dirty-limit",
                "cpu-index",
                arguments -> DirtyLimitWords.cancel(arguments, host.migration()),
                "takes limits away");
        look(
                "query-vcpu-dirty-limit",
                "",
                _ -> DirtyLimitWords.answer(host.migration().vcpuDirtyLimits()),
                "the limits that are set");
    }

    private void memory(Consumer<String> announceDeleted) {
        MemoryCommands commands = new MemoryCommands(host, announceDeleted);
        change("object-add", "qom-type id size", commands::objectAdd, "makes a memory backend");
        change("object-del", "id", commands::objectDel, "drops a memory backend");
        change("device_add", "driver id memdev", commands::deviceAdd, "gives the guest a backend's memory");
        change("device_del", "id", commands::deviceDel, "takes it away");
        look("query-memory-devices", "", _ -> commands.devices(), "the memory that was plugged in");
    }

    private void descriptors() {
        DescriptorCommands commands = new DescriptorCommands(host.descriptors());
        put("getfd", "fdname", true, commands::getfd, "keeps the descriptor that came along under a name");
        change("closefd", "fdname", commands::closefd, "closes it");
        put("add-fd", "fdset-id opaque", true, commands::addFd, "keeps the descriptor that came along in a set");
        change("remove-fd", "fdset-id fd", commands::removeFd, "closes one descriptor of a set, or all");
        look("query-fdsets", "", _ -> commands.sets(), "the sets of descriptors");
    }

    private void guest() {
        look(
                "x-godwit-guest",
                "after-nanos from-nanos to-nanos",
                arguments -> GuestWords.figures(host.guestFigures(GuestWords.query(arguments))),
                "what the guest says of itself");
        look("x-godwit-ram-digest", "", _ -> GuestWords.digest(host.ramDigest()), "hashes of the memory that moved");
    }

    /** Every command, in the order of the table. */
    Collection<QmpCommand> all() {
        return Collections.unmodifiableCollection(table.values());
    }

    /**
     * Carries out one command.
     *
     * @throws QmpException for what QMP itself refuses; what the host refuses comes as the exception it threw
     */
    Json.Written execute(String name, ObjectNode members, QmpCaller caller) {
        QmpCommand command = table.get(name);
        if (command == null) {
            throw new QmpException(QmpException.COMMAND_NOT_FOUND, "The command " + name + " has not been found");
        }
        QmpArguments arguments = new QmpArguments(members);
        if (!command.changes()) {
            return command.execute(arguments, caller);
        }
        changing.lock();
        try {
            return command.execute(arguments, caller);
        } finally {
            changing.unlock();
        }
    }

    /**
     * The answer to a command, of whatever name a client gave, has been written {@code nanos} after its last byte came.
     */
    void took(String name, long nanos) {
        host.migration().commandTook(table.containsKey(name) ? name : "other", nanos);
    }

    private void figures(String name, BiConsumer<JsonGenerator, MigrationStatistics> body, String help) {
        put(
                name,
                "",
                false,
                (_, _) -> {
                    MigrationStatistics statistics = host.migration().statistics();
                    return out -> body.accept(out, statistics);
                },
                help);
    }

    private void look(String name, String arguments, Function<QmpArguments, JsonNode> body, String help) {
        put(name, arguments, false, (given, _) -> Json.tree(body.apply(given)), help);
    }

    private void change(String name, String arguments, Consumer<QmpArguments> body, String help) {
        put(
                name,
                arguments,
                true,
                (given, _) -> {
                    body.accept(given);
                    return Json.tree(Json.object());
                },
                help);
    }

    private void put(String name, String arguments, boolean changes, QmpCommand.Handler handler, String help) {
        List<String> names = arguments.isEmpty() ? List.of() : Arrays.asList(arguments.split(" ", -1));
        table.put(name, new QmpCommand(name, names, changes, handler, help));
    }

    private static Json.Written negotiate(QmpArguments arguments, QmpCaller caller) {
        if (arguments.has("enable") && !arguments.strings("enable").isEmpty()) {
            throw QmpException.generic("Parameter 'enable' does not accept value '"
                    + arguments.strings("enable").getFirst() + "'");
        }
        caller.negotiated();
        return Json.tree(Json.object());
    }

    private Json.Written quit(QmpCaller caller, Runnable announceQuit) {
        host.lossAtEnd().ifPresent(loss -> {
            throw QmpException.generic(
                    loss + " Wait until the migration has completed; SIGTERM does so, and then ends the host.");
        });
        announceQuit.run();
        caller.whenAnswered(host::quit);
        return Json.tree(Json.object());
    }

    private ObjectNode status() {
        RunState state = host.runState();
        ObjectNode answer = Json.object().put("status", state.publicName()).put("running", state == RunState.RUNNING);
        host.whyStill().ifPresent(why -> answer.put("x-reason", why));
        return answer;
    }

    private ArrayNode names() {
        ArrayNode answer = Json.array();
        table.values()
                .forEach(command ->
                        answer.add(Json.object().put("name", command.name()).put("x-help", command.help())));
        return answer;
    }
}
