// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.wire;

import io.godwit.engine.transport.Channel;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import java.util.function.Consumer;

/** Takes all that is written at once, and says that something was; what is in vectors can be looked at. */
public record SwallowingChannel(Runnable onWrite, Consumer<IoVector> taker, Runnable onFinish) implements Channel {
    public SwallowingChannel(Runnable onWrite) {
        this(onWrite, _ -> {});
    }

    public SwallowingChannel(Runnable onWrite, Consumer<IoVector> taker) {
        this(onWrite, taker, () -> {});
    }

    @Override
    public void write(IoVector vector) {
        taker.accept(vector);
        onWrite.run();
    }

    @Override
    public void write(NativeMemory from, long offset, int length) {
        onWrite.run();
    }

    @Override
    public int read(NativeMemory to, long offset, int length, long timeoutNanos) {
        return -1;
    }

    @Override
    public void pause(long nanos) {}

    @Override
    public void finish() {
        onFinish.run();
    }

    @Override
    public void abort(String reason) {}

    @Override
    public String peer() {
        return "nobody";
    }

    @Override
    public boolean isBidirectional() {
        return true;
    }

    @Override
    public void close() {}
}
