// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The secondary's part of COLO: the guest stands by here, each checkpoint makes it what the primary's is, and when the
 * primary is lost it takes its place. The mirror of {@code outgoing.checkpoint}.
 */
@NullMarked
package io.godwit.engine.incoming.checkpoint;

import org.jspecify.annotations.NullMarked;
