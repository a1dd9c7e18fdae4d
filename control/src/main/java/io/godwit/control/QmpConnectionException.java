// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

/** A QMP connection that could not be made, was lost, or does not answer. The message names the address. */
public final class QmpConnectionException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    QmpConnectionException(String message) {
        super(message);
    }

    QmpConnectionException(String message, Throwable cause) {
        super(message, cause);
    }
}
