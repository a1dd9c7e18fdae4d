// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Microbenchmarks of the data plane, by JMH. A class measures one thing in several ways: a method whose name starts
 * with {@code floor} is what it cannot be faster than, and {@link io.godwit.bench.micro.MicroBenchmarks} prints the
 * others as ratios to it.
 */
@NullMarked
package io.godwit.bench.micro;

import org.jspecify.annotations.NullMarked;
