// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * A world in which migrations run in virtual time, one thread at a time, from one seed. Read {@link
 * io.godwit.testkit.simulation.Baton} first, then {@link io.godwit.testkit.simulation.SimulatedWorld}.
 */
@NullMarked
package io.godwit.testkit.simulation;

import org.jspecify.annotations.NullMarked;
