// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Memory that arrives behind its guest. {@code Postcopy} says what happens when, over any number of connections; {@code
 * PostcopyControl} and {@code PostcopySession} are what it knows of the migration around it.
 *
 * <p>{@code PostcopyArrival} is what lives from the guest's first page to its last: {@code ArrivingMemory}, {@code
 * FaultThread}, {@code FaultLog}. Pages that come before the guest runs go by {@code
 * AdvisedPlacer}, those that come afterwards by {@code PostcopyPlacer}. {@code PageChannels} is what lives as long as
 * one connection: {@code mig-listen}, {@code mig-preempt}.
 *
 * <p>Invariant: a page that is missing is touched by no Java thread. A page is placed first and marked received second;
 * a fault marks its page requested first and looks whether it is received second: so every page that somebody waits for
 * is asked for or there.
 */
@NullMarked
package io.godwit.engine.incoming.postcopy;

import org.jspecify.annotations.NullMarked;
