// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The wire between two sides: where it leads ({@link io.godwit.engine.transport.MigrationUri}), and bytes over it
 * ({@link io.godwit.engine.transport.Channel}). Knows nothing of what the bytes mean.
 *
 * <p>Every transport ends in one descriptor, so there is one channel implementation. Waiting is always bounded by a
 * deadline, and any thread may {@linkplain io.godwit.engine.transport.Channel#abort abort} a channel.
 */
@NullMarked
package io.godwit.engine.transport;

import org.jspecify.annotations.NullMarked;
