// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * QMP, the QEMU Machine Protocol: JSON objects over a stream socket, one way requests, the other way answers and
 * events.
 *
 * <p>Read {@link io.godwit.control.QmpServer} for the host's side, whose commands are the table in {@code QmpCommands},
 * and {@link io.godwit.control.QmpClient} for the side of whoever drives a host, Godwit's or QEMU's.
 *
 * <p>Threads: each server session has one that reads, executes and answers, and one that sends events. What
 * happens in the guest or in a migration is handed to the sessions as a small record and never waits for one of them.
 *
 * <p>What a session sends is hostile until checked: nesting, size and every argument.
 */
@NullMarked
package io.godwit.control;

import org.jspecify.annotations.NullMarked;
