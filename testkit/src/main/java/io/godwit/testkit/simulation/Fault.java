// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

/** What can go wrong in the simulated world, by name. The seed chooses one, and how much of it. */
public enum Fault {
    /** Nothing. */
    NONE,
    /** The connection breaks after so many bytes from who opened it. */
    CUT_AFTER_BYTES,
    /** The connection breaks after so many bytes of the way back. */
    CUT_BACK_AFTER_BYTES,
    /** The connection breaks at the write with this number, of either side, before its first byte. */
    CUT_AT_WRITE,
    /** Nothing arrives for so many microseconds, after a few bytes. */
    STALL,
    /** Who connects is refused, once. */
    REFUSE_CONNECTION
}
