// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

/** An answer of kind "error": what a server tells its client, and what a client was told. */
public final class QmpException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The class of nearly every error. */
    public static final String GENERIC_ERROR = "GenericError";

    /** There is no such command, or not yet. */
    public static final String COMMAND_NOT_FOUND = "CommandNotFound";

    /** There is no device of that name. */
    static final String DEVICE_NOT_FOUND = "DeviceNotFound";

    private final String errorClass;

    /** With {@code error.class} and {@code error.desc}. */
    public QmpException(String errorClass, String description) {
        super(description);
        this.errorClass = errorClass;
    }

    static QmpException generic(String description) {
        return new QmpException(GENERIC_ERROR, description);
    }

    /** {@code error.class}. */
    public String errorClass() {
        return errorClass;
    }
}
