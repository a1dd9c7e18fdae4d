// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.machines.programs.ServicePort;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** One customer that notes what it is answered. */
public final class TestCustomer implements Customer {
    /** Answers as words, fencing number first. */
    private final BlockingQueue<long[]> answers = new LinkedBlockingQueue<>();

    private final List<Long> fencingNumbers = new CopyOnWriteArrayList<>();
    private volatile boolean hungUp;

    /** One that has asked nothing yet. */
    public TestCustomer() {
        // Nothing to prepare.
    }

    /** The content of a request. */
    public static byte[] request(long client, long number, long operation, long key, long value) {
        return ServiceWire.content(new long[] {client, number, operation, key, value});
    }

    @Override
    public void answer(long fencingNumber, byte[] content) {
        long[] words = new long[ServicePort.ANSWER_WORDS];
        ServiceWire.words(content, words);
        fencingNumbers.add(fencingNumber);
        answers.add(words);
    }

    @Override
    public void hangUp() {
        hungUp = true;
    }

    boolean isHungUp() {
        return hungUp;
    }

    List<Long> fencingNumbers() {
        return fencingNumbers;
    }

    /** How many answers have come and have not been looked at. */
    public int count() {
        return answers.size();
    }

    /** The next answer's words; waits for it. */
    public long[] next() throws InterruptedException {
        long[] words = answers.poll(10, TimeUnit.SECONDS);
        assertThat(words).as("an answer").isNotNull();
        return words;
    }
}
