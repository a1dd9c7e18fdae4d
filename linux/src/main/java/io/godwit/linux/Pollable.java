// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux;

/** Something with a file descriptor that a thread can wait on. */
public interface Pollable {
    /**
     * The kernel's number of the descriptor.
     *
     * @throws IllegalStateException it is closed
     */
    int number();
}
