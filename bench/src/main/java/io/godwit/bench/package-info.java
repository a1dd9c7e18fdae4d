// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Benchmarks. {@link io.godwit.bench.Main} starts them; each prints what it measured beside a floor or a rival of the
 * same run, and the ratio of the two. None asserts a time.
 */
@NullMarked
package io.godwit.bench;

import org.jspecify.annotations.NullMarked;
