// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The engine's view of a guest: what a machine must offer so that it can be migrated, and what takes in one that
 * arrives.
 *
 * <p>Read {@link io.godwit.engine.guest.Guest} first, and {@link io.godwit.engine.guest.Arrival}, which every guest is
 * and a keeper of guests can be alone. A machine implements {@code Guest}, {@code Vcpus}, {@code
 * DirtyTracker} and {@code DeviceState}; the engine calls them and nothing else. {@code RunControl} owns the run state:
 * it alone starts and stops vCPUs, and it never starts them without the token of the {@link
 * io.godwit.engine.arbiter.Arbiter}.
 */
@NullMarked
package io.godwit.engine.guest;

import org.jspecify.annotations.NullMarked;
