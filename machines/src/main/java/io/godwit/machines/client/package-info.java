// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Clients of a service that check every answer: whatever happens to the hosts, nothing they were told may be lost, told
 * twice or wrong.
 *
 * <p>Read {@link io.godwit.machines.client.ClientLoad} first.
 */
@NullMarked
package io.godwit.machines.client;

import org.jspecify.annotations.NullMarked;
