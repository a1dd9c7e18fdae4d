// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * How fast a guest writes to its memory, measured outside a migration ({@code calc-dirty-rate}).
 *
 * <p>Read {@link io.godwit.engine.rate.DirtyRateMeter} first. A measurement runs on the thread {@code dirty-rate}, for
 * which nobody waits; only who needs the tracker does, for one harvest at most.
 */
@NullMarked
package io.godwit.engine.rate;

import org.jspecify.annotations.NullMarked;
