// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Benchmarks of whole migrations between processes, driven over QMP as a user would: Godwit's hosts, QEMU's, and the
 * floor in C.
 */
@NullMarked
package io.godwit.bench.moves;

import org.jspecify.annotations.NullMarked;
