// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.host.HostControl;
import io.godwit.machines.guest.Dimm;
import java.util.function.Consumer;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The commands about memory that comes and goes. */
final class MemoryCommands {
    private final HostControl host;
    private final Consumer<String> announceDeleted;

    MemoryCommands(HostControl host, Consumer<String> announceDeleted) {
        this.host = host;
        this.announceDeleted = announceDeleted;
    }

    void objectAdd(QmpArguments arguments) {
        String type = arguments.string("qom-type");
        String id = arguments.string("id");
        if (!type.equals("memory-backend-ram")) {
            throw QmpException.generic("Parameter 'qom-type' does not accept value '" + type + "'");
        }
        long byteLength = arguments
                .optionalUnsigned("size")
                .orElseThrow(() -> QmpException.generic("Parameter 'size' is missing"));
        host.memory().objectAdd(id, byteLength);
    }

    void objectDel(QmpArguments arguments) {
        host.memory().objectDel(arguments.string("id"));
    }

    void deviceAdd(QmpArguments arguments) {
        String driver = arguments.string("driver");
        if (!driver.equals("pc-dimm")) {
            throw QmpException.generic("'" + driver + "' is not a valid device model name");
        }
        host.memory().deviceAdd(arguments.string("id"), arguments.string("memdev"));
    }

    void deviceDel(QmpArguments arguments) {
        String id = arguments.string("id");
        host.memory().deviceDel(id);
        announceDeleted.accept(id);
    }

    ArrayNode devices() {
        ArrayNode answer = Json.array();
        for (Dimm dimm : host.memory().devices()) {
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
}
