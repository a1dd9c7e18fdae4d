// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * How a migration stands and ends: its public status, who owns the guest then, and the errors that say why.
 */
@NullMarked
package io.godwit.engine.outcome;

import org.jspecify.annotations.NullMarked;
