// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

/** The arbiter cannot be asked; the guest must not be started. */
public final class ArbiterException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says what could not be done, and why. */
    public ArbiterException(String message) {
        super(message);
    }

    /** Says what could not be done and with which file or server. */
    public ArbiterException(String message, Throwable cause) {
        super(message, cause);
    }
}
