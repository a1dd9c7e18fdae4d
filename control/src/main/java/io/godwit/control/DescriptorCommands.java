// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.host.PassedDescriptors;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The commands about descriptors that clients pass; {@link PassedDescriptors} has the rules. */
final class DescriptorCommands {
    private final PassedDescriptors descriptors;

    DescriptorCommands(PassedDescriptors descriptors) {
        this.descriptors = descriptors;
    }

    Json.Written getfd(QmpArguments arguments, QmpCaller caller) {
        String name = arguments.string("fdname");
        descriptors.name(name, caller.takePassed());
        return Json.tree(Json.object());
    }

    void closefd(QmpArguments arguments) {
        descriptors.close(arguments.string("fdname"));
    }

    Json.Written addFd(QmpArguments arguments, QmpCaller caller) {
        OptionalLong set = arguments.optionalInteger("fdset-id");
        Optional<String> opaque = arguments.optionalString("opaque");
        PassedDescriptors.Member member = descriptors.add(set, opaque, caller.takePassed());
        return Json.tree(Json.object().put("fdset-id", member.set()).put("fd", member.number()));
    }

    void removeFd(QmpArguments arguments) {
        long set = arguments
                .optionalInteger("fdset-id")
                .orElseThrow(() -> QmpException.generic("Parameter 'fdset-id' is missing"));
        descriptors.remove(set, arguments.optionalInteger("fd"));
    }

    ArrayNode sets() {
        ArrayNode answer = Json.array();
        ArrayNode members = Json.array();
        long latest = -1;
        for (PassedDescriptors.Member member : descriptors.members()) {
            if (member.set() != latest) {
                latest = member.set();
                members = Json.array();
                answer.add(Json.object().put("fdset-id", latest).set("fds", members));
            }
            ObjectNode one = Json.object().put("fd", member.number());
            member.opaque().ifPresent(text -> one.put("opaque", text));
            members.add(one);
        }
        return answer;
    }
}
