// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.linux.ffi.CProbe;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KvmHeaderTest {
    // Their members are written as one array, or as one piece of bytes that nobody looks into.
    private static final Set<StructLayout> SIZE_ONLY = Set.of(KvmLayouts.REGS, KvmLayouts.VCPU_EVENTS);

    @Test
    void requestsAndStructuresAreThoseOfTheHeader(@TempDir Path directory) throws Exception {
        CProbe probe = new CProbe("sys/ioctl.h", "linux/kvm.h");
        for (Field field : KvmRequests.class.getDeclaredFields()) {
            if (field.getType() == long.class) {
                probe.macro("KVM_" + field.getName(), field.getLong(null));
            }
        }
        for (Field field : KvmLayouts.class.getDeclaredFields()) {
            if (field.get(null) instanceof StructLayout layout && layout.name().isPresent()) {
                if (SIZE_ONLY.contains(layout)) {
                    probe.size(layout);
                } else {
                    probe.struct(layout);
                }
            }
        }
        assertThat(probe.verify(directory)).as("requests the header lacks").isEmpty();
    }
}
