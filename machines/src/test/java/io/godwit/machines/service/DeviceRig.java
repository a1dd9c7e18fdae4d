// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.machines.programs.ServicePort;
import io.godwit.stream.DeviceSection;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A device with small limits, one customer, and a guest that answers what the test says. */
final class DeviceRig {
    static final ServiceDevice.Limits FEW = new ServiceDevice.Limits(2, 4, 6, 8);

    final ServiceDevice device = new ServiceDevice(true, FEW);
    final TestCustomer customer = new TestCustomer();

    /** The device of a guest that is awaited. */
    static ServiceDevice awaited() {
        return new ServiceDevice(false, FEW);
    }

    /** The device, with the customer at it. */
    ServiceDevice joined() {
        assertThat(device.join(customer)).isTrue();
        return device;
    }

    /** The customer asks with these numbers of its own. */
    void ask(long... numbers) throws InterruptedException {
        for (long number : numbers) {
            assertThat(device.ask(content(number), customer)).isTrue();
        }
    }

    /** Asks on another thread. */
    CompletableFuture<Boolean> askLater(long number) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return device.ask(content(number), customer);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** It is not done yet. */
    static void assertWaits(CompletableFuture<Boolean> asked) {
        assertThatThrownBy(() -> asked.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
    }

    /** The guest takes a request, and answers with its number, which is what it took. */
    static long serve(ServiceDevice device) {
        long number = take(device);
        device.answer(new long[] {1, number, 0, 0, 0, 0});
        return number;
    }

    /** The guest takes a request of this number. */
    static long take(ServiceDevice device) {
        long[] words = new long[ServicePort.REQUEST_WORDS];
        assertThat(device.take(words)).isTrue();
        return words[1];
    }

    static boolean isIdle(ServiceDevice device) {
        return !device.isWaiting() && !device.take(new long[ServicePort.REQUEST_WORDS]);
    }

    static byte[] content(long number) {
        return TestCustomer.request(1, number, 1, 0, 0);
    }

    static DeviceSection state(long taken, long answered, long... waiting) {
        return new ServiceState(
                        taken,
                        answered,
                        Arrays.stream(waiting).mapToObj(DeviceRig::content).toList())
                .encode();
    }
}
