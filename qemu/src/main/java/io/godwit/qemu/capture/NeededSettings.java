// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** Which settings of a source a capture needs, and which it knows. */
final class NeededSettings {
    /** The parameters that it changes. */
    static final Set<String> PARAMETERS = Set.of("downtime-limit", "max-bandwidth", "mode", "tls-creds");

    private static final Set<String> ON = Set.of("events", "return-path");

    /** Their stream is one that a capture takes. */
    private static final Set<String> HARMLESS =
            Set.of("auto-converge", "autopilot", "dirty-limit", "late-block-activate", "validate-uuid");

    /**
     * Their stream is another one, or QEMU would wait for what a capture does not do. In pre-switchover a QEMU that has
     * lost its connection waits for ever, its guest standing still.
     */
    private static final Set<String> OFF = Set.of(
            "background-snapshot",
            "block",
            "compress",
            "dirty-bitmaps",
            "mapped-ram",
            "multifd",
            "pause-before-switchover",
            "postcopy-blocktime",
            "postcopy-preempt",
            "postcopy-ram",
            "postcopy-safe",
            "rdma-pin-all",
            "release-ram",
            "switchover-ack",
            "x-colo",
            "x-ignore-shared",
            "xbzrle",
            "zero-blocks",
            "zero-copy-send");

    private NeededSettings() {}

    /**
     * Looks for what is on and would make a stream that nobody here knows.
     *
     * @throws CaptureException if there is something
     */
    static void refuseUnknown(JsonNode capabilities) {
        List<String> unknown = new ArrayList<>();
        for (JsonNode entry : capabilities) {
            String name = entry.path("capability").asString("");
            boolean known = ON.contains(name) || HARMLESS.contains(name) || OFF.contains(name);
            if (entry.path("state").asBoolean(false) && !known) {
                unknown.add(name);
            }
        }
        if (!unknown.isEmpty()) {
            throw new CaptureException("The source has capabilities on that this Godwit does not know: "
                    + String.join(", ", unknown) + ". Switch them off there. The guest was not touched.");
        }
    }

    /**
     * Capabilities that are to be changed, and to what.
     *
     * @param now as the source tells them
     */
    static Map<String, Boolean> capabilities(JsonNode now) {
        Map<String, Boolean> needed = new TreeMap<>();
        for (JsonNode entry : now) {
            String name = entry.path("capability").asString("");
            boolean before = entry.path("state").asBoolean(false);
            if (before ? OFF.contains(name) : ON.contains(name)) {
                needed.put(name, !before);
            }
        }
        return needed;
    }

    /** Whether a capture changes this capability. */
    static boolean changesCapability(String name) {
        return ON.contains(name) || OFF.contains(name);
    }
}
