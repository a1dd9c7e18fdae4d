// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.lang.module.ModuleDescriptor;
import tools.jackson.databind.node.ObjectNode;

/** Which version of QMP's commands this is, for clients that look at the greeting. */
final class GodwitVersion {
    private GodwitVersion() {}

    /**
     * Commands and members are those of QEMU 10.0, so that is the number clients are told; the package names who says
     * so.
     */
    static ObjectNode toJson() {
        ObjectNode version = Json.object();
        version.set("qemu", Json.object().put("micro", 0).put("minor", 0).put("major", 10));
        version.put("package", "Godwit " + text());
        return version;
    }

    private static String text() {
        ModuleDescriptor descriptor = GodwitVersion.class.getModule().getDescriptor();
        return descriptor == null
                ? "of unknown version"
                : descriptor.rawVersion().orElse("of unknown version");
    }
}
