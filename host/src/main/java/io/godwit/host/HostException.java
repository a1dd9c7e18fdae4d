// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

/** What a host refuses that is no matter of its migrations; the message is a sentence for the one who asked. */
public sealed class HostException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    HostException(String message) {
        super(message);
    }

    HostException(String message, Throwable cause) {
        super(message, cause);
    }

    /** There is no device or backend of that name. */
    public static final class NoSuchDevice extends HostException {
        private static final long serialVersionUID = 1L;

        NoSuchDevice(String id) {
            super("Device '" + id + "' not found");
        }
    }
}
