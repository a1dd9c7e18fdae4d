// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** Disks do not migrate: both sides must see the same ones. */
final class DiskRules {
    /** All of them. */
    static final List<BiFunction<Side, Side, Stream<Finding>>> TABLE = List.of(DiskRules::pairs);

    private DiskRules() {}

    /** Disks by what uses them. */
    private static Map<String, JsonNode> disks(Side side) {
        Map<String, JsonNode> disks = new LinkedHashMap<>();
        for (JsonNode disk : side.at("query-block").values()) {
            JsonNode inserted = disk.path("inserted");
            String user = disk.path("qdev").asString(disk.path("device").asString(""));
            if (inserted.isObject() && !user.isEmpty()) {
                disks.put(user, inserted);
            }
        }
        return disks;
    }

    /** A file of the host, as {@code file} names it: an absolute path, or one in JSON that is local. */
    private static boolean isLocalFile(JsonNode disk) {
        String file = disk.path("file").asString("");
        return file.startsWith("/") && !file.startsWith("/dev/");
    }

    static Stream<Finding> alone(Side source) {
        return disks(source).entrySet().stream()
                .filter(disk -> isLocalFile(disk.getValue()) && !isReadOnly(disk.getValue()))
                .map(disk -> Finding.note(
                        "disks",
                        "Disk " + disk.getKey() + " is the file " + file(disk.getValue())
                                + " of the source's host, and a migration does not move it.",
                        "See that the destination has the same file (shared storage), or copy it by NBD and mirror."));
    }

    static Stream<Finding> pairs(Side source, Side destination) {
        Map<String, JsonNode> there = disks(destination);
        boolean oneHost = source.isHere() && destination.isHere();
        if (destination.isGodwit()) {
            return Stream.of();
        }
        return disks(source).entrySet().stream()
                .flatMap(disk -> there.containsKey(disk.getKey())
                        ? compare(disk.getKey(), disk.getValue(), there.get(disk.getKey()), oneHost)
                        : Stream.of(Finding.stops(
                                "disks",
                                "The destination has no disk " + disk.getKey() + ", which is " + file(disk.getValue())
                                        + " at the source.",
                                "Give it the same disks with the same ids.")));
    }

    private static Stream<Finding> compare(String user, JsonNode from, JsonNode to, boolean oneHost) {
        if (file(from).equals(file(to)) && !from.path("drv").equals(to.path("drv"))) {
            return Stream.of(Finding.stops(
                    "disk-format",
                    "Disk " + user + " is read as " + from.path("drv").asString("?") + " at the source and as "
                            + to.path("drv").asString("?") + " at the destination, which would destroy it.",
                    "Name the same format on both sides."));
        }
        long bytes = from.path("image").path("virtual-size").asLong(0);
        long otherBytes = to.path("image").path("virtual-size").asLong(0);
        if (bytes != otherBytes) {
            return Stream.of(Finding.stops(
                    "disk-size",
                    "Disk " + user + " has " + bytes + " bytes at the source and " + otherBytes
                            + " at the destination.",
                    "Both sides must see the same disk."));
        }
        if (isReadOnly(from) || !isLocalFile(from)) {
            return Stream.of();
        }
        if (!file(from).equals(file(to))) {
            return Stream.of(Finding.risk(
                    "disks",
                    "Disk " + user + " is " + file(from) + " at the source and " + file(to) + " at the destination.",
                    "They must be the same disk, or the second a copy that is mirrored until the switchover."));
        }
        return oneHost
                ? Stream.of()
                : Stream.of(Finding.risk(
                        "disks",
                        "Disk " + user + " is the file " + file(from)
                                + " on both sides; nothing tells whether the two hosts share it.",
                        "Be sure that the path is shared storage. With NFS use cache.direct=on."));
    }

    private static boolean isReadOnly(JsonNode disk) {
        return disk.path("ro").asBoolean(false);
    }

    private static String file(JsonNode disk) {
        return disk.path("file").asString("?");
    }
}
