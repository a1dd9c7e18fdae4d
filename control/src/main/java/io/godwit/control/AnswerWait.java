// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits for answers with a deadline, and says when one is late. */
final class AnswerWait {
    private final QmpAddress address;
    private volatile Silence silence = new Silence(Duration.ofNanos(Long.MAX_VALUE), () -> {});

    private record Silence(Duration after, Runnable told) {}

    AnswerWait(QmpAddress address) {
        this.address = address;
    }

    /** See {@link QmpClient#whenSilent}. */
    void whenSilent(Duration after, Runnable told) {
        silence = new Silence(after, told);
    }

    /**
     * What comes.
     *
     * @param what is waited for, for a sentence
     * @throws QmpConnectionException if it does not come in time, or something else does
     */
    <T> T await(Future<T> future, String what, Duration timeout) {
        try {
            return await(future, timeout);
        } catch (TimeoutException e) {
            throw new QmpConnectionException(
                    "QMP " + address + ": " + what + " did not come within " + timeout.toMillis() + " ms.", e);
        } catch (ExecutionException e) {
            throw new QmpConnectionException(
                    String.valueOf(
                            e.getCause() == null ? e.getMessage() : e.getCause().getMessage()),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new QmpConnectionException("QMP " + address + ": interrupted while waiting for " + what + ".", e);
        }
    }

    private <T> T await(Future<T> future, Duration timeout)
            throws InterruptedException, ExecutionException, TimeoutException {
        Silence now = silence;
        boolean isLong = timeout.compareTo(now.after()) > 0;
        try {
            return future.get((isLong ? now.after() : timeout).toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            if (!isLong) {
                throw e;
            }
            now.told().run();
            return future.get(timeout.minus(now.after()).toNanos(), TimeUnit.NANOSECONDS);
        }
    }
}
