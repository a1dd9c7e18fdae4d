// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What an incoming migration is made of, and its figures: the ground that all parts of it stand on. Figures are written
 * by those who act and read by nobody who decides.
 */
@NullMarked
package io.godwit.engine.incoming.plan;

import org.jspecify.annotations.NullMarked;
