// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Guests that are threads of this JVM: the same programs over mapped memory, for hosts without KVM and for programs that embed the
 * engine.
 *
 * <p>Read {@link io.godwit.machines.memory.MemoryMachine} first.
 */
@NullMarked
package io.godwit.machines.memory;

import org.jspecify.annotations.NullMarked;
