// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

/** Whether this kernel, for this process, can do something. */
public sealed interface Support {
    /** It can. */
    record Available() implements Support {}

    /**
     * It cannot.
     *
     * @param sentence what is missing, and what would help, for people
     */
    record Missing(String sentence) implements Support {}
}
