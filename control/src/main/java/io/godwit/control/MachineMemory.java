// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.Migrator;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.machines.guest.Dimm;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.PluggedRam;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The memory backends of one machine that nobody has plugged in, and the way of the others into it. A backend that is
 * plugged in is known by its DIMM, so that one that came with a guest is like one that was added here.
 */
final class MachineMemory implements MemoryControl {
    /** LIMIT: twice as many as a guest can have. */
    private static final int MAX_BACKENDS = 2 * PluggedRam.MAX_DIMMS;

    private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z][A-Za-z0-9._-]{0,126}");

    /** Keeps the machine while something is done to it. */
    interface Keeper {
        /** Does it; refuses if the machine is gone. */
        <T> T whileOpen(Supplier<T> what);
    }

    private final Machine machine;
    private final Migrator migrator;
    private final Keeper keeper;
    private final Map<String, Long> backends = new LinkedHashMap<>();

    MachineMemory(Machine machine, Migrator migrator, Keeper keeper) {
        this.machine = machine;
        this.migrator = migrator;
        this.keeper = keeper;
    }

    @Override
    public synchronized void objectAdd(String id, long byteLength) {
        requireIdentifier(id);
        if (backends.containsKey(id) || pluggedAs(id).isPresent()) {
            throw QmpException.generic("attempt to add duplicate property '" + id + "' to object (type 'container')");
        }
        if (byteLength <= 0) {
            throw QmpException.generic("property 'size' of memory-backend-ram doesn't take value '" + byteLength + "'");
        }
        if (backends.size() == MAX_BACKENDS) {
            throw QmpException.generic(MAX_BACKENDS + " memory backends are unused already; delete one first");
        }
        backends.put(id, byteLength);
    }

    @Override
    public synchronized void objectDel(String id) {
        if (pluggedAs(id).isPresent()) {
            throw QmpException.generic("object '" + id + "' is in use, can not be deleted");
        }
        if (!backends.containsKey(id)) {
            throw QmpException.generic("object '" + id + "' not found");
        }
        backends.remove(id);
    }

    @Override
    public synchronized void deviceAdd(String id, String memdev) {
        requireIdentifier(id);
        if (dimms().stream().anyMatch(dimm -> dimm.id().equals(id))) {
            throw QmpException.generic("Duplicate device ID '" + id + "'");
        }
        if (pluggedAs(memdev).isPresent()) {
            throw QmpException.generic("can't use already busy memdev: " + memdev);
        }
        long byteLength =
                Optional.ofNullable(backends.get(memdev)).orElseThrow(() -> QmpException.deviceNotFound(memdev));
        ObjectNode _ = keeper.whileOpen(() -> {
            machine.plugged()
                    .orElseThrow(() ->
                            new MigrationException.Refused("This guest keeps the memory that it was made with; start"
                                    + " its host with --max-memory to plug in more."))
                    .name(memdev, id);
            migrator.memory().plug(memdev, byteLength);
            return Json.object();
        });
        backends.remove(memdev);
    }

    @Override
    public synchronized void deviceDel(String id) {
        Dimm dimm = dimms().stream()
                .filter(one -> one.id().equals(id))
                .findFirst()
                .orElseThrow(() -> QmpException.deviceNotFound(id));
        ObjectNode _ = keeper.whileOpen(() -> {
            migrator.memory().unplug(dimm.block());
            return Json.object();
        });
        backends.put(dimm.block().idstr(), dimm.block().usedLength());
    }

    @Override
    public ArrayNode devices() {
        ArrayNode answer = Json.array();
        for (Dimm dimm : dimms()) {
            ObjectNode data = Json.object()
                    .put("id", dimm.id())
                    .put("slot", dimm.slot())
                    .put("node", 0)
                    .put("memdev", "/objects/" + dimm.block().idstr())
                    .put("size", dimm.block().usedLength())
                    .put("hotplugged", true)
                    .put("hotpluggable", true);
            dimm.address().ifPresent(address -> data.put("addr", address));
            answer.add(Json.object().put("type", "dimm").set("data", data));
        }
        return answer;
    }

    private List<Dimm> dimms() {
        return machine.plugged().map(PluggedRam::dimms).orElse(List.of());
    }

    private Optional<Dimm> pluggedAs(String backend) {
        return dimms().stream()
                .filter(dimm -> dimm.block().idstr().equals(backend))
                .findFirst();
    }

    private static void requireIdentifier(String id) {
        if (!IDENTIFIER.matcher(id).matches()) {
            throw QmpException.generic("Parameter 'id' expects an identifier");
        }
    }
}
