// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Dirty trackers that need no hypervisor: the kernel's write protection of mapped memory, and the writer's own marks. A
 * tracker's harvests are for one thread; what it sees of the guest's writes may come from any.
 */
@NullMarked
package io.godwit.engine.tracking;

import org.jspecify.annotations.NullMarked;
