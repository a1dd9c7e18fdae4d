// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import static io.godwit.machines.service.DeviceRig.content;
import static io.godwit.machines.service.DeviceRig.isIdle;
import static io.godwit.machines.service.DeviceRig.serve;
import static io.godwit.machines.service.DeviceRig.state;
import static io.godwit.machines.service.DeviceRig.take;
import static io.godwit.machines.service.TestCustomer.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.DeviceStateException;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.VmStateBuilder;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The device: who asks, who is answered, what is held, what is saved. */
@Tag("fast")
final class ServiceDeviceTest {
    private final DeviceRig rig = new DeviceRig();

    @Test
    void requestsAreServedInOrderAndAnswersGoToWhoAsked() throws InterruptedException {
        TestCustomer another = new TestCustomer();
        assertThat(rig.joined().join(another)).isTrue();
        rig.ask(11, 12);
        assertThat(rig.device.ask(content(13), another)).isTrue();
        assertThat(serve(rig.device)).isEqualTo(11);
        assertThat(serve(rig.device)).isEqualTo(12);
        assertThat(serve(rig.device)).isEqualTo(13);
        assertThat(isIdle(rig.device)).isTrue();
        assertThat(rig.customer.count()).isEqualTo(2);
        assertThat(rig.customer.next()[1]).isEqualTo(11);
        assertThat(another.next()[1]).isEqualTo(13);
        assertThat(rig.device.answered()).isEqualTo(3);
    }

    @Test
    void answersCarryTheFencingNumberOfTheirMoment() throws InterruptedException {
        AtomicLong number = new AtomicLong(7);
        rig.joined().fencingNumber(number::get);
        rig.ask(1, 2);
        serve(rig.device);
        number.set(8);
        serve(rig.device);
        assertThat(rig.customer.fencingNumbers()).containsExactly(7L, 8L);
    }

    @Test
    void answersOfAnEpochWaitForItsRelease() throws InterruptedException {
        rig.joined().outputs().hold();
        rig.ask(1, 2);
        serve(rig.device);
        assertThat(rig.device.outputs().closeEpoch()).isEqualTo(1);
        serve(rig.device);
        assertThat(rig.device.outputs().closeEpoch()).isEqualTo(2);
        assertThat(rig.device.outputs().heldCount()).isEqualTo(2);
        assertThat(rig.customer.count()).isZero();
        rig.device.outputs().release(1);
        assertThat(rig.customer.count()).isEqualTo(1);
        rig.ask(3);
        serve(rig.device);
        rig.device.outputs().passThrough();
        assertThat(rig.customer.count()).isEqualTo(3);
        rig.ask(4);
        serve(rig.device);
        assertThat(rig.customer.count()).isEqualTo(4);
        assertThat(rig.device.outputs().heldCount()).isZero();
    }

    @Test
    void holdingSurvivesTheLoadThatFollows() throws InterruptedException {
        ServiceDevice arriving = DeviceRig.awaited();
        arriving.outputs().hold();
        arriving.load(state(5, 5));
        arriving.admit();
        assertThat(arriving.join(rig.customer)).isTrue();
        assertThat(arriving.ask(content(6), rig.customer)).isTrue();
        serve(arriving);
        assertThat(rig.customer.count()).isZero();
        long _ = arriving.outputs().closeEpoch();
        arriving.outputs().release(1);
        assertThat(rig.customer.count()).isEqualTo(1);
    }

    @Test
    void whoAsksWaitsWhileTheLineIsFull() throws Exception {
        rig.joined();
        rig.ask(1, 2, 3, 4);
        CompletableFuture<Boolean> fifth = rig.askLater(5);
        DeviceRig.assertWaits(fifth);
        serve(rig.device);
        assertThat(fifth.get(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whoAsksWaitsWhileTooMuchIsHeld() throws Exception {
        rig.joined().outputs().hold();
        for (long number = 1; number <= 6; number++) {
            rig.ask(number);
            serve(rig.device);
        }
        CompletableFuture<Boolean> seventh = rig.askLater(7);
        DeviceRig.assertWaits(seventh);
        rig.device.outputs().passThrough();
        assertThat(seventh.get(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whoWaitsIsSentAwayWhenTheGuestLeaves() throws Exception {
        rig.joined();
        rig.ask(1, 2, 3, 4);
        CompletableFuture<Boolean> fifth = rig.askLater(5);
        DeviceRig.assertWaits(fifth);
        rig.device.refuse();
        assertThat(fifth.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(rig.customer.isHungUp()).isTrue();
    }

    @Test
    void clientsBeyondTheLimitAreRefused() {
        assertThat(rig.joined().join(new TestCustomer())).isTrue();
        assertThat(rig.device.join(new TestCustomer())).isFalse();
        rig.device.leave(rig.customer);
        assertThat(rig.device.join(new TestCustomer())).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"-1,1,1,0", "4096,1,1,0", "1,-1,1,0", "1,1,0,0", "1,1,5,0", "1,1,3,65537", "1,1,3,-1"})
    void absurdRequestsAreRefused(long client, long number, long operation, long value) {
        rig.joined();
        assertThatThrownBy(() -> rig.device.ask(request(client, number, operation, 0, value), rig.customer))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> rig.device.ask(new byte[39], rig.customer)).hasMessageContaining("40 bytes");
        assertThat(isIdle(rig.device)).isTrue();
    }

    @Test
    void stateHasTheseBytes() throws InterruptedException {
        rig.joined();
        rig.ask(21, 22);
        take(rig.device);
        DeviceSection section = rig.device.save();
        assertThat(section.idstr()).isEqualTo("service");
        assertThat(section.instanceId()).isZero();
        assertThat(section.versionId()).isEqualTo(1);
        assertThat(HexFormat.of().formatHex(section.payload().toByteArray()))
                .isEqualTo("0000000000000001" + "0000000000000000" + "00000001"
                        + "0000000000000001" + "0000000000000016" + "0000000000000001" + "0000000000000000"
                        + "0000000000000000");
    }

    @Test
    void stateComesBackAsItWas() throws InterruptedException {
        rig.joined();
        rig.ask(21, 22, 23);
        serve(rig.device);
        take(rig.device);
        ServiceDevice there = DeviceRig.awaited();
        there.load(rig.device.save());
        assertThat(there.answered()).isEqualTo(1);
        there.answer(new long[] {1, 22, 0, 0, 0, 0});
        assertThat(serve(there)).isEqualTo(23);
        assertThat(isIdle(there)).isTrue();
    }

    @Test
    void badStatesAreRefusedAndChangeNothing() {
        refused(state(1, 3), "taken request 1 and answered 3");
        refused(state(5, 3), "taken request 5 and answered 3");
        refused(state(-1, -1), "taken request -1");
        refused(section(1, 2, new long[5]), "2 requests wait, in 5 words");
        refused(section(1, -1, new long[0]), "-1 requests wait");
        refused(section(1, 1, new long[] {5000, 1, 1, 0, 0}), "clients have numbers from 0 to 4095");
        refused(section(2, 0, new long[0]), "version 2, this host knows 1");
        DeviceSection whole = state(3, 3);
        refused(new DeviceSection(whole.idstr(), 0, 1, Bytes.copyOf(new byte[] {1, 2, 3}), whole.description()), "");
        assertThat(rig.device.answered()).isZero();
    }

    private static DeviceSection section(int version, int count, long[] words) {
        return new VmStateBuilder("service", version)
                .u64("taken", 0)
                .u64("answered", 0)
                .u32("waiting_count", count)
                .u64Array("waiting", words)
                .build("service", 0);
    }

    private void refused(DeviceSection section, String why) {
        assertThatThrownBy(() -> rig.device.load(section))
                .isInstanceOf(DeviceStateException.class)
                .hasMessageStartingWith("device service/0: ")
                .hasMessageContaining(why);
    }

    @Test
    void answerWithoutRequestIsTheGuestsMistake() {
        assertThatThrownBy(() -> rig.device.answer(new long[] {1, 1, 0, 0, 0, 0}))
                .hasMessageContaining("answers request");
    }
}
