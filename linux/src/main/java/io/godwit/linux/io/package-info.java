// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Descriptors, sockets, pipes and files, and how to wait for them.
 *
 * <p>Read {@link io.godwit.linux.io.Descriptor} first: it never waits. Waiting is {@link io.godwit.linux.io.Polling},
 * always with a stop signal or a time limit. Each descriptor has one owner, who closes it after the threads that use it
 * have stopped; {@link io.godwit.linux.io.Descriptor#shutdown} and {@link io.godwit.linux.io.EventSignal#raise} make
 * them stop.
 *
 * <p>Specification: read(2), writev(2), ppoll(2), eventfd(2), socket(7), tcp(7), unix(7), flock(2).
 */
@NullMarked
package io.godwit.linux.io;

import org.jspecify.annotations.NullMarked;
