// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Guests that are threads of this JVM: the same programs over mapped memory, for hosts without KVM and for programs
 * that embed the engine.
 *
 * <p>Read {@link io.godwit.machines.memory.MemoryMachine} first. While a guest arrives by postcopy, a program awaits a
 * missing page in a downcall. A signal does not end that wait, so the program counts as standing still while it lasts:
 * a pause is granted, and the program looks whether it may go on before it touches the page.
 */
@NullMarked
package io.godwit.machines.memory;

import org.jspecify.annotations.NullMarked;
