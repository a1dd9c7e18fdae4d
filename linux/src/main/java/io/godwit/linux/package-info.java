// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The errors of system calls. The packages below it are the kernel's parts: memory, io, process, kvm; {@code ffi},
 * which is not exported, binds the C library for all of them.
 */
@NullMarked
package io.godwit.linux;

import org.jspecify.annotations.NullMarked;
