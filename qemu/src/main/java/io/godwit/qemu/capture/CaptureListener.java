// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

/** Hears how a capture goes. On the thread that captures. */
public interface CaptureListener {
    /**
     * Some more of the guest has come.
     *
     * @param totalBytes the guest's memory, as far as its source has told
     * @param remainingBytes what the source has yet to send, as far as it has told
     * @param receivedBytes what has come, pages that came again among it
     */
    void received(long totalBytes, long remainingBytes, long receivedBytes);

    /**
     * A capture that was killed had left settings changed at this source, and they are as they were before it.
     *
     * @param names of the settings
     */
    default void putBack(String names) {}
}
