// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What all machines have in common: what a guest is made of ({@link io.godwit.machines.guest.GuestOptions}) and what
 * its host can ask about it beyond the engine's view ({@link io.godwit.machines.guest.Machine}).
 */
@NullMarked
package io.godwit.machines.guest;

import org.jspecify.annotations.NullMarked;
