// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What becomes of a guest when its hosts, real processes, are killed, frozen, cancelled, lied to or given bad places to
 * go. Read {@link io.godwit.cli.fault.HostFaults} first: the moments at which it strikes are bytes of the stream, drawn
 * from a seed that each test prints.
 */
@NullMarked
package io.godwit.cli.fault;

import org.jspecify.annotations.NullMarked;
