// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.qemu.capture.CaptureListener;
import java.io.PrintWriter;
import java.util.Locale;

/** A line a second on what has come of a guest. */
final class CaptureProgress implements CaptureListener {
    private static final long INTERVAL_NANOS = 1_000_000_000;

    private final PrintWriter err;
    private long lastNanos = System.nanoTime();
    private long lastBytes;

    CaptureProgress(PrintWriter err) {
        this.err = err;
    }

    @Override
    public void received(long totalBytes, long remainingBytes, long receivedBytes) {
        long now = System.nanoTime();
        if (now - lastNanos < INTERVAL_NANOS) {
            return;
        }
        double rate = (receivedBytes - lastBytes) * 1e9 / (now - lastNanos);
        lastNanos = now;
        lastBytes = receivedBytes;
        err.println(String.format(
                Locale.ROOT,
                "received %s, %s/s; %s of the guest's %s are to come",
                ByteSize.decimal(receivedBytes),
                ByteSize.decimal((long) rate),
                ByteSize.binary(remainingBytes),
                ByteSize.binary(totalBytes)));
        err.flush();
    }

    @Override
    public void putBack(String names) {
        err.println("A capture that did not end had left settings changed at this source. They are as they were before"
                + " it: " + names + ".");
        err.flush();
    }
}
