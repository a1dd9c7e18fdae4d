// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What an outgoing migration is made of, and its figures.
 *
 * <p>Those who act write figures; only the report reads them.
 */
@NullMarked
package io.godwit.engine.outgoing.plan;

import org.jspecify.annotations.NullMarked;
