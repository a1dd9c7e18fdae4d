// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux;

/**
 * A system call failed. The message has the call, the error's name and number, and the arguments; what it means for the
 * migration is said by the caller that catches it.
 */
public final class NativeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errorNumber;

    /**
     * @param call the function or request that failed, for example {@code ioctl(UFFDIO_COPY)}
     * @param errorNumber errno, positive
     * @param arguments the arguments that matter, for example {@code fd 7, start 0x7f0000000000, length 4096}
     */
    public NativeException(String call, int errorNumber, String arguments) {
        super(sentence(call, errorNumber, arguments));
        this.call = call;
        this.errorNumber = errorNumber;
    }

    /**
     * The failure of {@code call} as the binding reports it.
     *
     * @param negativeErrno the call's result, {@code -errno}
     */
    public static NativeException of(String call, long negativeErrno, String arguments) {
        return new NativeException(call, (int) -negativeErrno, arguments);
    }

    /** The function or request that failed. */
    public String call() {
        return call;
    }

    /** The error, or {@link Errno#UNKNOWN}. */
    public Errno errno() {
        return Errno.of(errorNumber);
    }

    /** errno as the kernel gave it, positive. */
    public int errorNumber() {
        return errorNumber;
    }

    private static String sentence(String call, int errorNumber, String arguments) {
        Errno errno = Errno.of(errorNumber);
        String where = arguments.isEmpty() ? "" : " [" + arguments + "]";
        return call + " failed: " + errno + " (" + errorNumber + ", " + errno.text() + ")" + where;
    }
}
