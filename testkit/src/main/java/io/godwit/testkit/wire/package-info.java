// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Wires between two engines that a test can look into, stop and cut. */
@NullMarked
package io.godwit.testkit.wire;

import org.jspecify.annotations.NullMarked;
