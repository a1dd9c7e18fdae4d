// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Who uses a guest's dirty tracker, and the trackers that need no hypervisor: the kernel's write protection of mapped
 * memory, and the writer's own marks.
 *
 * <p>How fast a guest writes is measured outside of a migration by {@link io.godwit.engine.tracking.DirtyRateMeter}
 * ({@code calc-dirty-rate}), on the thread {@code dirty-rate}, for which nobody waits. What single vCPUs may dirty is
 * limited by {@link io.godwit.engine.tracking.VcpuDirtyLimits} ({@code set-vcpu-dirty-limit}), independent of
 * migrations. A tracker's harvests are for one thread; what it sees of the guest's writes may come from any.
 */
@NullMarked
package io.godwit.engine.tracking;

import org.jspecify.annotations.NullMarked;
