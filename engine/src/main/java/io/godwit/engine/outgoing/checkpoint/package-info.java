// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The primary's part of COLO: the guest runs here with its outputs held, a secondary is brought up to it, and when that
 * is lost the guest goes on alone. The mirror of {@code incoming.checkpoint}.
 */
@NullMarked
package io.godwit.engine.outgoing.checkpoint;

import org.jspecify.annotations.NullMarked;
