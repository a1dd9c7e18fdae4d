// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.guest.FreePageReporter;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ObjIntConsumer;

/** Tells of free pages as a test wants it, at once when it is asked, which is before the first page leaves. */
public final class FreePages implements FreePageReporter {
    /** What is told. */
    @FunctionalInterface
    public interface Answer {
        void to(int epoch, Sink sink);
    }

    private final Answer answer;
    public final AtomicInteger stops = new AtomicInteger();
    public volatile int epoch;
    public volatile Optional<Sink> sink = Optional.empty();
    public volatile ObjIntConsumer<Sink> whenStopped = (_, _) -> {};

    public FreePages(Answer answer) {
        this.answer = answer;
    }

    @Override
    public void start(int startedEpoch, Sink startedSink) {
        epoch = startedEpoch;
        sink = Optional.of(startedSink);
        answer.to(startedEpoch, startedSink);
    }

    @Override
    public void stop() {
        int _ = stops.incrementAndGet();
        sink.ifPresent(told -> whenStopped.accept(told, epoch));
    }
}
