// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Limits of what single vCPUs may dirty, set by hand and independent of migrations ({@code set-vcpu-dirty-limit}).
 *
 * <p>Read {@link io.godwit.engine.limit.VcpuDirtyLimits} first.
 */
@NullMarked
package io.godwit.engine.limit;

import org.jspecify.annotations.NullMarked;
