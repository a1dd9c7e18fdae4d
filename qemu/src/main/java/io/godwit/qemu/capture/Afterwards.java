// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

/** What becomes of the guest when it has been captured. */
public enum Afterwards {
    /** It goes on at once where it was. */
    KEEP_RUNNING,
    /** It stands still where it was, until somebody says {@code cont}. */
    PAUSE,
    /** It stands still, and its QEMU ends once the snapshot is safe. */
    QUIT
}
