// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The C library and the kernel's numbers, one static method for each call. Not exported: only the packages of this
 * module use it.
 *
 * <p>Read {@link io.godwit.linux.ffi.Libc} first. Every call returns its result, or {@code -errno} when it failed, as
 * the kernel itself does, so that nothing is allocated and no thread sees another's errno. Addresses are plain {@code
 * long}s: the callers have checked bounds and liveness. All methods may be called from any thread; those that block pin
 * a virtual thread.
 */
@NullMarked
package io.godwit.linux.ffi;

import org.jspecify.annotations.NullMarked;
