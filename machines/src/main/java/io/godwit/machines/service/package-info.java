// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The device of a guest that is a service: clients of the host ask, the guest answers.
 *
 * <p>Read {@link io.godwit.machines.service.ServiceDevice} first. {@link io.godwit.machines.service.ServiceDoor} is
 * where clients come in over a socket, and {@link io.godwit.machines.service.ServiceWire} what they say.
 */
@NullMarked
package io.godwit.machines.service;

import org.jspecify.annotations.NullMarked;
