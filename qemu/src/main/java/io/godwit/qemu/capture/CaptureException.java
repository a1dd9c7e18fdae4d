// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

/** A capture that did not come to its end. The message is a sentence: what happened, and what the guest does now. */
public final class CaptureException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CaptureException(String sentence) {
        super(sentence);
    }

    CaptureException(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}
