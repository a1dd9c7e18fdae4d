// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** A migration between two others passes through, unchanged, with figures and a limit. */
@NullMarked
package io.godwit.qemu.relay;

import org.jspecify.annotations.NullMarked;
