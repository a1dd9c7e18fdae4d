// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The frame around a command: {@code execute}, {@code arguments}, {@code id}. */
final class QmpRequest {
    private QmpRequest() {}

    /** The command's name, after the frame has been checked. */
    static String command(ObjectNode request) {
        for (String name : request.propertyNames()) {
            if (name.equals("exec-oob")) {
                throw QmpException.generic("QMP input member 'exec-oob' is unexpected");
            }
            if (!name.equals("execute") && !name.equals("arguments") && !name.equals("id")) {
                throw QmpException.generic("QMP input member '" + name + "' is unexpected");
            }
        }
        JsonNode execute =
                request.optional("execute").orElseThrow(() -> QmpException.generic("QMP input lacks member 'execute'"));
        if (!execute.isString()) {
            throw QmpException.generic("QMP input member 'execute' must be a string");
        }
        return execute.stringValue();
    }

    /** The command's arguments; none is as good as an empty object. */
    static ObjectNode arguments(ObjectNode request) {
        JsonNode arguments = request.optional("arguments").orElseGet(Json::object);
        if (!(arguments instanceof ObjectNode object)) {
            throw QmpException.generic("QMP input member 'arguments' must be an object");
        }
        return object;
    }
}
