// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** A running guest is written into a store. */
@NullMarked
package io.godwit.qemu.capture;

import org.jspecify.annotations.NullMarked;
