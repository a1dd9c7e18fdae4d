// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Benchmarks. */
@NullMarked
package io.godwit.bench;

import org.jspecify.annotations.NullMarked;
