// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * QEMU's migration stream, version 3, and its return path: bytes to records and back.
 *
 * <p>Read first: {@link io.godwit.stream.StreamReader} and its {@link io.godwit.stream.StreamListener}, then the
 * mirror, {@link io.godwit.stream.StreamWriter} with {@link io.godwit.stream.PageRecordWriter}.
 *
 * <p>No threads, sockets or clock. Readers belong to the thread that feeds them; records are immutable.
 *
 * <p>Invariants: nothing is allocated by a number that has not been checked; a record is handed on only when all of it
 * was read and found right; nothing is allocated for a page; bad bytes end in {@link
 * io.godwit.stream.StreamFormatException} and nothing else.
 *
 * <p>Specification: QEMU's migration documentation, and captures of QEMU 10.0.
 */
@NullMarked
package io.godwit.stream;

import org.jspecify.annotations.NullMarked;
