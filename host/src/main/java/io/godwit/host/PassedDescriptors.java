// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Descriptors;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.PassedDescriptor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The descriptors that were given to a host for its migrations: inherited when it was started, or passed later under a
 * name ({@code getfd}) or in a set ({@code add-fd}), with QEMU's rules. No other descriptor can be named by {@code
 * fd:}. Who gives one here does not own it any more, also if it is refused.
 *
 * <p>Threads: any.
 */
public final class PassedDescriptors implements Descriptors, AutoCloseable {
    /** LIMIT: far more than a migration needs; others are left for the guest and its clients. */
    public static final int MAX_HELD = 128;

    /** LIMIT: a short note; all of them are told in one answer. */
    private static final int MAX_OPAQUE = 255;

    /**
     * A descriptor in a set.
     *
     * @param number its number in this process
     * @param opaque what who added it wants to read again
     */
    public record Member(long set, int number, Optional<String> opaque) {}

    private record Held(PassedDescriptor descriptor, Optional<String> opaque) {}

    private final Map<String, PassedDescriptor> named = new HashMap<>();
    private final SortedMap<Long, List<Held>> sets = new TreeMap<>();
    private boolean closed;

    /** None yet. */
    public PassedDescriptors() {}

    /**
     * Lets a migration name a descriptor that this process was started with.
     *
     * @param name another name for it beside its number
     * @throws HostException if it is not open, or there is one of that name already
     */
    public synchronized void inherit(int number, Optional<String> name) {
        name.ifPresent(PassedDescriptors::requireName);
        if (named.containsKey(Integer.toString(number))
                || name.map(named::containsKey).orElse(false)) {
            throw new HostException("Descriptor " + number + " was named twice.");
        }
        PassedDescriptor descriptor;
        try {
            descriptor = PassedDescriptor.inherited(number);
        } catch (NativeException e) {
            throw new HostException("Descriptor " + number + " was not inherited: " + e.getMessage() + ".");
        }
        named.put(Integer.toString(number), descriptor);
        name.ifPresent(given -> named.put(given, descriptor));
    }

    /**
     * {@code getfd}: keeps a descriptor under a name, in the place of an older one.
     *
     * @throws HostException if the name begins with a digit, or too many are held
     */
    public synchronized void name(String name, PassedDescriptor descriptor) {
        try {
            requireName(name);
            requireRoom();
        } catch (HostException e) {
            descriptor.close();
            throw e;
        }
        Optional.ofNullable(named.put(name, descriptor)).ifPresent(this::closeUnlessNamed);
    }

    /**
     * {@code closefd}.
     *
     * @throws HostException if there is none of that name
     */
    public synchronized void close(String name) {
        PassedDescriptor descriptor = Optional.ofNullable(named.get(name))
                .orElseThrow(() -> new HostException("File descriptor named '" + name + "' not found"));
        forget(descriptor);
        descriptor.close();
    }

    /**
     * {@code add-fd}: keeps a descriptor in a set.
     *
     * @param set its number; without one the lowest that is free
     * @throws HostException if the number is negative, or too many are held
     */
    public synchronized Member add(OptionalLong set, Optional<String> opaque, PassedDescriptor descriptor) {
        try {
            if (opaque.isPresent() && opaque.get().length() > MAX_OPAQUE) {
                throw new HostException("Parameter 'opaque' has more than " + MAX_OPAQUE + " characters");
            }
            if (set.isPresent() && set.getAsLong() < 0) {
                throw new HostException("Parameter 'fdset-id' expects a non-negative value");
            }
            requireRoom();
        } catch (HostException e) {
            descriptor.close();
            throw e;
        }
        long number = set.orElseGet(this::freeSet);
        sets.computeIfAbsent(number, _ -> new ArrayList<>()).add(new Held(descriptor, opaque));
        return new Member(number, descriptor.number(), opaque);
    }

    private long freeSet() {
        long free = 0;
        while (sets.containsKey(free)) {
            free++;
        }
        return free;
    }

    /**
     * {@code remove-fd}: closes one descriptor of a set, or all.
     *
     * @throws HostException if there is no such set or descriptor
     */
    public synchronized void remove(long set, OptionalLong number) {
        List<Held> members = sets.getOrDefault(set, List.of());
        List<Held> leaving = members.stream()
                .filter(held -> number.isEmpty() || held.descriptor().number() == number.getAsLong())
                .toList();
        if (leaving.isEmpty()) {
            String what = "fdset-id:" + set + (number.isPresent() ? ", fd:" + number.getAsLong() : "");
            throw new HostException("File descriptor named '" + what + "' not found");
        }
        leaving.forEach(held -> held.descriptor().close());
        members.removeAll(leaving);
        if (members.isEmpty()) {
            sets.remove(set);
        }
    }

    /** {@code query-fdsets}: all members, in the order of their sets. */
    public synchronized List<Member> members() {
        List<Member> members = new ArrayList<>();
        sets.forEach((set, list) -> list.forEach(
                held -> members.add(new Member(set, held.descriptor().number(), held.opaque()))));
        return members;
    }

    /** Nobody is left who could use the sets: they are closed, as with QEMU; names stay. */
    public synchronized void dropSets() {
        sets.values().forEach(list -> list.forEach(held -> held.descriptor().close()));
        sets.clear();
    }

    @Override
    public synchronized void refuseUnknown(String name) {
        PassedDescriptor _ = find(name);
    }

    /** A descriptor of a set is copied and stays there; another is held no longer. */
    @Override
    public synchronized Descriptor take(String name) {
        PassedDescriptor found = find(name);
        if (!named.containsValue(found)) {
            return found.duplicate().take();
        }
        forget(found);
        return found.take();
    }

    private PassedDescriptor find(String name) {
        return Optional.ofNullable(named.get(name))
                .or(() -> sets.values().stream()
                        .flatMap(List::stream)
                        .map(Held::descriptor)
                        .filter(descriptor ->
                                Integer.toString(descriptor.number()).equals(name))
                        .findFirst())
                .orElseThrow(() -> new MigrationException.Refused("File descriptor named '" + name
                        + "' has not been found: it was not passed to this host for a migration. Send one with getfd"
                        + " or add-fd over the host's QMP unix socket, or start the host with --inherit-fd."));
    }

    private void forget(PassedDescriptor descriptor) {
        for (Iterator<PassedDescriptor> all = named.values().iterator(); all.hasNext(); ) {
            if (all.next() == descriptor) {
                all.remove();
            }
        }
    }

    private void closeUnlessNamed(PassedDescriptor descriptor) {
        if (!named.containsValue(descriptor)) {
            descriptor.close();
        }
    }

    private void requireRoom() {
        if (closed) {
            throw new HostException("This host is ending.");
        }
        int held = named.size() + sets.values().stream().mapToInt(List::size).sum();
        if (held >= MAX_HELD) {
            throw new HostException(
                    MAX_HELD + " descriptors are held already; close one first with closefd or remove-fd");
        }
    }

    private static void requireName(String name) {
        if (name.isEmpty() || Character.isDigit(name.charAt(0))) {
            throw new HostException("Parameter 'fdname' expects a name not starting with a digit");
        }
    }

    /** Closes all that are held, and takes no more. */
    @Override
    public synchronized void close() {
        closed = true;
        named.values().forEach(PassedDescriptor::close);
        named.clear();
        dropSets();
    }
}
