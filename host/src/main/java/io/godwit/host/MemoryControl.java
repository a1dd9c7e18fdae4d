// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.machines.guest.Dimm;
import java.util.List;

/**
 * Memory that is plugged into a guest and out of it, in QEMU's words: a memory backend is made by {@code object-add}
 * and becomes the guest's by {@code device_add} of a {@code pc-dimm}. Any thread; no method waits for a migration, and
 * all refuse with a sentence, in QEMU's words where it has some.
 */
public interface MemoryControl {
    /** {@code object-add} of a {@code memory-backend-ram}, in bytes. */
    void objectAdd(String id, long byteLength);

    /** {@code object-del}. */
    void objectDel(String id);

    /** {@code device_add} of a {@code pc-dimm}: the guest has the backend's memory when this returns. */
    void deviceAdd(String id, String memdev);

    /** {@code device_del}: the guest has it no more when this returns; the backend stays. */
    void deviceDel(String id);

    /** {@code query-memory-devices}. */
    List<Dimm> devices();
}
