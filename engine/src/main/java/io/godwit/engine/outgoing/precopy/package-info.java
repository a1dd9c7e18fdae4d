// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The passes over the dirty bitmap while the guest runs, and what they need: syncs, throttling, the forecast, hints of
 * free pages.
 *
 * <p>Read {@code Precopy} first, then {@code DirtySync}.
 */
@NullMarked
package io.godwit.engine.outgoing.precopy;

import org.jspecify.annotations.NullMarked;
