// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The connection to the source: bytes that come, answers that go, and what both sides agree on. Knows nothing of where
 * pages go. Every byte that comes in is hostile until it has been checked; the checks of the format itself are the
 * stream module's.
 */
@NullMarked
package io.godwit.engine.incoming.wire;

import org.jspecify.annotations.NullMarked;
