// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Errors of system calls and the libc binding that every other package of this module uses. */
@NullMarked
package io.godwit.linux;

import org.jspecify.annotations.NullMarked;
