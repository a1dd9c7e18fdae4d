// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.lang.module.ModuleDescriptor;

/** Which version of Godwit this is. */
final class Version {
    private Version() {}

    /** The version that the build wrote into the module descriptor, or "unknown" when run from the class path. */
    static String ofTheBuild() {
        ModuleDescriptor descriptor = Version.class.getModule().getDescriptor();
        return descriptor == null ? "unknown" : descriptor.rawVersion().orElse("unknown");
    }
}
