// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import java.net.InetAddress;
import java.util.concurrent.CountDownLatch;

/** A resolver that answers nobody before {@link #answer}; then every name is this machine's. */
public final class HangingResolver {
    private final CountDownLatch asked = new CountDownLatch(1);
    private final CountDownLatch answered = new CountDownLatch(1);

    /** Transports that ask it. */
    public Transports transports() {
        return new SystemTransports(Descriptors.ANY_NUMBER, new HostAddresses(this::resolve));
    }

    private InetAddress[] resolve(String host) {
        asked.countDown();
        await(answered);
        return new InetAddress[] {InetAddress.ofLiteral("127.0.0.1")};
    }

    /** Waits until somebody has asked. */
    public void awaitAsked() {
        await(asked);
    }

    /** From now on it answers. */
    public void answer() {
        answered.countDown();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
