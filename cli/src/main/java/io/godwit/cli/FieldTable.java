// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.stream.Bytes;
import io.godwit.stream.StateField;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;

/** Fields of devices, by their names and with their values. */
final class FieldTable {
    private final String wanted;
    private final List<String> lines = new ArrayList<>();
    private final ArrayNode json;
    private boolean found;

    /**
     * A table that is empty.
     *
     * @param wanted of which device; empty for all of them
     */
    FieldTable(String wanted) {
        this.wanted = wanted;
        json = Json.object().putArray("devices");
    }

    /** Adds a device. */
    void add(String name, int instance, Bytes payload, List<StateField> fields) {
        if (!wanted.isEmpty() && !wanted.equals(name)) {
            return;
        }
        found = true;
        lines.add("");
        lines.add(TextTable.printable(name) + (instance == 0 ? "" : "/" + Integer.toUnsignedString(instance)) + ", "
                + String.format(Locale.ROOT, "%,d", payload.byteLength()) + " bytes"
                + (fields.isEmpty() ? ", without a description of its fields" : ""));
        TextTable table = new TextTable("  field", "type", "value");
        var node = json.addObject().put("name", name).put("instanceId", instance);
        ArrayNode values = node.putArray("fields");
        for (StateField field : fields) {
            String value = FieldValues.shown(field, payload);
            table.row("  " + field.path(), field.type(), value);
            values.add(Json.object()
                    .put("path", field.path())
                    .put("type", field.type())
                    .put("offset", field.offset())
                    .put("byteLength", field.byteLength())
                    .put("value", value));
        }
        if (!fields.isEmpty()) {
            lines.addAll(table.lines());
        }
    }

    /**
     * What was added, for people.
     *
     * @throws CommandFailure if the device that was wanted is not there
     */
    List<String> lines() {
        requireFound();
        return lines;
    }

    /** The same for programs. */
    ArrayNode json() {
        requireFound();
        return json;
    }

    private void requireFound() {
        if (!found && !wanted.isEmpty()) {
            throw new CommandFailure("There is no device section '" + wanted + "' here.");
        }
    }
}
