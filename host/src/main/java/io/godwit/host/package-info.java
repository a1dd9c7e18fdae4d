// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The embedding API: one machine with its right to run, its run state, its migrations and its memory.
 *
 * <p>Read {@link io.godwit.host.MachineHost} first. {@link io.godwit.host.HostControl} is the same as who controls a
 * host from outside sees it, QMP's server for one.
 *
 * <p>Threads: all types may be used from any thread.
 */
@NullMarked
package io.godwit.host;

import org.jspecify.annotations.NullMarked;
