// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * A guest of any machine type whose memory and devices are only kept: what a QEMU sends can be taken in, looked at and
 * compared, and not run.
 */
@NullMarked
package io.godwit.machines.opaque;

import org.jspecify.annotations.NullMarked;
