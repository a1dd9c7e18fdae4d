// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Makes guests: {@link io.godwit.machines.Machines#create} picks KVM or memory and says why.
 */
@NullMarked
package io.godwit.machines;

import org.jspecify.annotations.NullMarked;
