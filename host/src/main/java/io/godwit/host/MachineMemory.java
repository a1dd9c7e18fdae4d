// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.engine.Migrator;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.machines.guest.Dimm;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.PluggedRam;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * The memory backends of one machine that nobody has plugged in, and the way of the others into it. A backend that is
 * plugged in is known by its DIMM, so that one that came with a guest is like one that was added here.
 */
final class MachineMemory implements MemoryControl {
    /** LIMIT: twice as many as a guest can have. */
    private static final int MAX_BACKENDS = 2 * PluggedRam.MAX_DIMMS;

    private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z][A-Za-z0-9._-]{0,126}");

    private final Machine machine;
    private final Migrator migrator;
    private final Consumer<Runnable> whileOpen;
    private final Map<String, Long> backends = new LinkedHashMap<>();

    /**
     * Of one machine.
     *
     * @param whileOpen keeps the machine while something is done to it; refuses if it is gone
     */
    MachineMemory(Machine machine, Migrator migrator, Consumer<Runnable> whileOpen) {
        this.machine = machine;
        this.migrator = migrator;
        this.whileOpen = whileOpen;
    }

    @Override
    public synchronized void objectAdd(String id, long byteLength) {
        requireIdentifier(id);
        if (backends.containsKey(id) || pluggedAs(id).isPresent()) {
            throw new HostException("attempt to add duplicate property '" + id + "' to object (type 'container')");
        }
        if (byteLength <= 0) {
            throw new HostException("property 'size' of memory-backend-ram doesn't take value '" + byteLength + "'");
        }
        if (backends.size() == MAX_BACKENDS) {
            throw new HostException(MAX_BACKENDS + " memory backends are unused already; delete one first");
        }
        backends.put(id, byteLength);
    }

    @Override
    public synchronized void objectDel(String id) {
        if (pluggedAs(id).isPresent()) {
            throw new HostException("object '" + id + "' is in use, can not be deleted");
        }
        if (!backends.containsKey(id)) {
            throw new HostException("object '" + id + "' not found");
        }
        backends.remove(id);
    }

    @Override
    public synchronized void deviceAdd(String id, String memdev) {
        requireIdentifier(id);
        if (devices().stream().anyMatch(dimm -> dimm.id().equals(id))) {
            throw new HostException("Duplicate device ID '" + id + "'");
        }
        if (pluggedAs(memdev).isPresent()) {
            throw new HostException("can't use already busy memdev: " + memdev);
        }
        long byteLength =
                Optional.ofNullable(backends.get(memdev)).orElseThrow(() -> new HostException.NoSuchDevice(memdev));
        whileOpen.accept(() -> {
            machine.plugged()
                    .orElseThrow(() ->
                            new MigrationException.Refused("This guest keeps the memory that it was made with; start"
                                    + " its host with --max-memory to plug in more."))
                    .name(memdev, id);
            migrator.plugRam(memdev, byteLength);
        });
        backends.remove(memdev);
    }

    @Override
    public synchronized void deviceDel(String id) {
        Dimm dimm = devices().stream()
                .filter(one -> one.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new HostException.NoSuchDevice(id));
        whileOpen.accept(() -> migrator.unplugRam(dimm.block()));
        backends.put(dimm.block().idstr(), dimm.block().usedLength());
    }

    @Override
    public List<Dimm> devices() {
        return machine.plugged().map(PluggedRam::dimms).orElse(List.of());
    }

    private Optional<Dimm> pluggedAs(String backend) {
        return devices().stream()
                .filter(dimm -> dimm.block().idstr().equals(backend))
                .findFirst();
    }

    private static void requireIdentifier(String id) {
        if (!IDENTIFIER.matcher(id).matches()) {
            throw new HostException("Parameter 'id' expects an identifier");
        }
    }
}
