// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Every command, by its name. Commands that change something run one after the other, whichever session they come from;
 * those that only look wait for nobody.
 */
final class QmpCommands {
    private record Command(boolean changes, Function<QmpArguments, Json.Written> body) {}

    private final HostControl host;
    private final Consumer<String> announceDeleted;
    private final Map<String, Command> commands = new LinkedHashMap<>();
    private final ReentrantLock changing = new ReentrantLock();

    /**
     * For one host.
     *
     * @param announceQuit tells all sessions that {@code quit} was asked for
     * @param announceDeleted tells all sessions that the guest has lost the device of this id
     */
    QmpCommands(HostControl host, Runnable announceQuit, Consumer<String> announceDeleted) {
        this.host = host;
        this.announceDeleted = announceDeleted;
        look("query-status", _ -> status());
        look("query-version", _ -> GodwitVersion.toJson());
        look("query-commands", _ -> names());
        figures("query-migrate", MigrationFigures::queryMigrate);
        look("query-migrate-parameters", _ -> MigrationFigures.parameters(host.parameters()));
        look("query-migrate-capabilities", _ -> MigrationFigures.capabilities(host.capabilities()));
        look("query-dirty-rate", arguments -> DirtyRateWords.answer(arguments, host.dirtyRate()));
        look("query-vcpu-dirty-limit", _ -> DirtyLimitWords.answer(host.vcpuDirtyLimits()));
        look("query-memory-devices", _ -> host.memory().devices());
        figures("x-godwit-statistics", MigrationFigures::statistics);
        look("x-godwit-guest", arguments -> host.guestFigures(heartbeatQuery(arguments)));
        look("x-godwit-ram-digest", _ -> host.ramDigest());
        change("stop", _ -> host.stop());
        change("cont", _ -> host.cont());
        change("quit", _ -> announceQuit.run());
        change("migrate", this::migrate);
        change("migrate-incoming", this::migrateIncoming);
        change("migrate_cancel", _ -> host.cancel());
        change("migrate-continue", this::migrateContinue);
        change("migrate-start-postcopy", _ -> host.startPostcopy());
        change("migrate-pause", _ -> host.pausePostcopy());
        change("migrate-recover", this::migrateRecover);
        change("calc-dirty-rate", arguments -> host.calcDirtyRate(DirtyRateWords.request(arguments)));
        change("set-vcpu-dirty-limit", arguments -> DirtyLimitWords.set(arguments, host));
        change("cancel-vcpu-dirty-limit", arguments -> DirtyLimitWords.cancel(arguments, host));
        change("object-add", this::objectAdd);
        change("object-del", this::objectDel);
        change("device_add", this::deviceAdd);
        change("device_del", this::deviceDel);
        change("migrate-set-parameters", this::setParameters);
        change("migrate-set-capabilities", this::setCapabilities);
    }

    /**
     * Carries out one command.
     *
     * @throws QmpException for what QMP itself refuses; what the host refuses comes as the exception it threw
     */
    Json.Written execute(String name, ObjectNode members) {
        Command command = commands.get(name);
        if (command == null) {
            throw new QmpException(QmpException.COMMAND_NOT_FOUND, "The command " + name + " has not been found");
        }
        QmpArguments arguments = new QmpArguments(members);
        if (!command.changes()) {
            return command.body().apply(arguments);
        }
        changing.lock();
        try {
            return command.body().apply(arguments);
        } finally {
            changing.unlock();
        }
    }

    /**
     * The answer to a command, of whatever name a client gave, has been written {@code nanos} after its last byte came.
     */
    void took(String name, long nanos) {
        host.commandTook(commands.containsKey(name) ? name : "other", nanos);
    }

    /** What must happen once the answer to a command is on its way: the host ends after {@code quit}. */
    void answered(String name) {
        if (name.equals("quit")) {
            host.quit();
        }
    }

    private void figures(String name, BiConsumer<JsonGenerator, MigrationStatistics> body) {
        put(name, _ -> {
            MigrationStatistics statistics = host.statistics();
            return out -> body.accept(out, statistics);
        });
    }

    private void look(String name, Function<QmpArguments, JsonNode> body) {
        put(name, arguments -> Json.tree(body.apply(arguments)));
    }

    private void put(String name, Function<QmpArguments, Json.Written> body) {
        // Queries take their arguments before they answer, so nothing is left to reject afterwards but what nobody
        // knows.
        commands.put(name, new Command(false, arguments -> {
            Json.Written answer = body.apply(arguments);
            arguments.rejectUnexpected();
            return answer;
        }));
    }

    /**
     * The body must call {@link QmpArguments#rejectUnexpected()} before it changes anything, unless it takes no
     * argument.
     */
    private void change(String name, Consumer<QmpArguments> body) {
        Set<String> withArguments = Set.of(
                "calc-dirty-rate",
                "set-vcpu-dirty-limit",
                "cancel-vcpu-dirty-limit",
                "object-add",
                "object-del",
                "device_add",
                "device_del",
                "migrate",
                "migrate-incoming",
                "migrate-continue",
                "migrate-recover",
                "migrate-set-parameters",
                "migrate-set-capabilities");
        commands.put(name, new Command(true, arguments -> {
            if (!withArguments.contains(name)) {
                arguments.rejectUnexpected();
            }
            body.accept(arguments);
            return Json.tree(Json.object());
        }));
    }

    private ObjectNode status() {
        RunState state = host.runState();
        return Json.object().put("status", state.publicName()).put("running", state == RunState.RUNNING);
    }

    private ArrayNode names() {
        ArrayNode answer = Json.array();
        answer.add(Json.object().put("name", "qmp_capabilities"));
        commands.keySet().forEach(name -> answer.add(Json.object().put("name", name)));
        return answer;
    }

    private static HostControl.HeartbeatQuery heartbeatQuery(QmpArguments arguments) {
        return new HostControl.HeartbeatQuery(
                arguments.optionalUnsigned("after-nanos").orElse(0),
                arguments.optionalUnsigned("from-nanos").orElse(0),
                arguments.optionalUnsigned("to-nanos").orElse(0));
    }

    private void migrate(QmpArguments arguments) {
        String uri = MigrationWords.uri(arguments);
        arguments.optionalBool("detach");
        boolean resume = arguments.optionalBool("resume").orElse(false);
        arguments.rejectUnexpected();
        if (resume) {
            host.resume(uri);
        } else {
            host.migrate(uri);
        }
    }

    private void migrateIncoming(QmpArguments arguments) {
        String uri = MigrationWords.uri(arguments);
        boolean exitOnError = arguments.optionalBool("exit-on-error").orElse(false);
        arguments.rejectUnexpected();
        host.migrateIncoming(uri, exitOnError);
    }

    private void migrateRecover(QmpArguments arguments) {
        String uri = arguments.string("uri");
        arguments.rejectUnexpected();
        host.recover(uri);
    }

    private void migrateContinue(QmpArguments arguments) {
        String name = arguments.string("state");
        arguments.rejectUnexpected();
        MigrationStatus status = MigrationWords.status(name)
                .orElseThrow(() -> QmpException.generic("Parameter 'state' does not accept value '" + name + "'"));
        host.continueFrom(status);
    }

    private void objectAdd(QmpArguments arguments) {
        String type = arguments.string("qom-type");
        String id = arguments.string("id");
        if (!type.equals("memory-backend-ram")) {
            throw QmpException.generic("Parameter 'qom-type' does not accept value '" + type + "'");
        }
        long byteLength = arguments
                .optionalUnsigned("size")
                .orElseThrow(() -> QmpException.generic("Parameter 'size' is missing"));
        arguments.rejectUnexpected();
        host.memory().objectAdd(id, byteLength);
    }

    private void objectDel(QmpArguments arguments) {
        String id = arguments.string("id");
        arguments.rejectUnexpected();
        host.memory().objectDel(id);
    }

    private void deviceAdd(QmpArguments arguments) {
        String driver = arguments.string("driver");
        if (!driver.equals("pc-dimm")) {
            throw QmpException.generic("'" + driver + "' is not a valid device model name");
        }
        String id = arguments.string("id");
        String memdev = arguments.string("memdev");
        arguments.rejectUnexpected();
        host.memory().deviceAdd(id, memdev);
    }

    private void deviceDel(QmpArguments arguments) {
        String id = arguments.string("id");
        arguments.rejectUnexpected();
        host.memory().deviceDel(id);
        announceDeleted.accept(id);
    }

    private void setParameters(QmpArguments arguments) {
        Map<MigrationParameter, Long> changes = new EnumMap<>(MigrationParameter.class);
        for (MigrationParameter parameter : MigrationParameter.values()) {
            if (parameter.isSwitch()) {
                arguments.optionalBool(parameter.publicName()).ifPresent(on -> changes.put(parameter, on ? 1L : 0L));
            } else {
                arguments.optionalUnsigned(parameter.publicName()).ifPresent(value -> changes.put(parameter, value));
            }
        }
        arguments.rejectUnexpected();
        try {
            host.setParameters(host.parameters().with(changes));
        } catch (IllegalArgumentException e) {
            throw QmpException.generic("Parameter " + e.getMessage());
        }
    }

    private void setCapabilities(QmpArguments arguments) {
        Set<Capability> on = EnumSet.noneOf(Capability.class);
        Set<Capability> off = EnumSet.noneOf(Capability.class);
        for (QmpArguments element : arguments.objects("capabilities")) {
            String name = element.string("capability");
            boolean state = element.bool("state");
            element.rejectUnexpected();
            Capability capability = Capability.named(name)
                    .orElseThrow(
                            () -> QmpException.generic("Parameter 'capability' does not accept value '" + name + "'"));
            if (state && !capability.isAvailable()) {
                throw QmpException.generic("Capability '" + name + "' is not in this version of Godwit");
            }
            (state ? on : off).add(capability);
            (state ? off : on).remove(capability);
        }
        arguments.rejectUnexpected();
        host.setCapabilities(on, off);
    }
}
