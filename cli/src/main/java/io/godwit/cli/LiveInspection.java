// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.LiveStream;
import io.godwit.stream.StreamInspection;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** What {@code godwit inspect} does with a guest that runs. */
final class LiveInspection {
    /** LIMIT: how long a source may take to come to rest when this process is told to end. */
    private static final long END_SECONDS = 30;

    private final PrintWriter err;
    private final LiveStream stream = new LiveStream();
    private final CountDownLatch ended = new CountDownLatch(1);

    LiveInspection(PrintWriter err) {
        this.err = err;
    }

    /** Has the guest sent by who answers there, and lets it go on. */
    StreamInspection of(QmpAddress source, Optional<String> listen) {
        CapturePlan plan = new CapturePlan(
                source,
                listen.orElseGet(() -> Addresses.anyPortTowards(source)),
                Afterwards.KEEP_RUNNING,
                Optional.empty(),
                Duration.ZERO,
                OptionalLong.empty(),
                OptionalLong.empty());
        return untilTold(() -> stream.of(plan));
    }

    /** Waits for a source that somebody else drives. */
    StreamInspection at(String uri) {
        StreamInspection found = untilTold(() -> stream.at(uri, address -> {
            err.println(
                    "Waiting at " + address + ". The source needs the capability return-path; its guest stays there.");
            err.flush();
        }));
        err.println("The source was told that its guest is not taken: its migration fails, and its guest goes on.");
        err.flush();
        return found;
    }

    private StreamInspection untilTold(Supplier<StreamInspection> inspect) {
        Runtime.getRuntime().addShutdownHook(new Thread(this::cancelAndWait, "cancel"));
        try {
            return inspect.get();
        } finally {
            ended.countDown();
        }
    }

    private void cancelAndWait() {
        stream.cancel();
        try {
            boolean _ = ended.await(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
