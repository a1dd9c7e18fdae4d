// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The right to run a guest, as a token that exists once.
 *
 * <p>Two hosts alone cannot always know whether the last message of a migration arrived. So neither guesses: whoever
 * wants vCPUs to run must hold the token, and an {@link io.godwit.engine.arbiter.Arbiter} gives it to one of them.
 */
@NullMarked
package io.godwit.engine.arbiter;

import org.jspecify.annotations.NullMarked;
