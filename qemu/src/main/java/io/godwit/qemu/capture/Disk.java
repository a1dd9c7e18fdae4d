// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * A disk of the guest.
 *
 * @param name what QEMU calls it
 * @param file where its content is, as QEMU names that
 * @param writable whether the guest may write to it
 */
public record Disk(String name, String file, boolean writable) {
    /** All disks that have a medium; none of a host that does not know the question, as a Godwit. */
    static List<Disk> of(QmpClient source, Duration patience) {
        List<Disk> disks = new ArrayList<>();
        for (JsonNode device : all(source, patience)) {
            JsonNode medium = device.path("inserted");
            if (medium.isObject()) {
                String qdev = device.path("qdev").asString("");
                String name = device.path("device").asString("");
                disks.add(new Disk(
                        name.isEmpty() ? qdev : name,
                        medium.path("file").asString(""),
                        !medium.path("ro").asBoolean(false)));
            }
        }
        return List.copyOf(disks);
    }

    private static JsonNode all(QmpClient source, Duration patience) {
        try {
            return source.execute("query-block", patience);
        } catch (QmpException e) {
            if (e.errorClass().equals(QmpException.COMMAND_NOT_FOUND)) {
                return Json.array();
            }
            throw e;
        }
    }

    @Override
    public String toString() {
        return name + " (" + file + (writable ? ")" : ", read-only)");
    }
}
