// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import static io.godwit.machines.service.DeviceRig.content;
import static io.godwit.machines.service.DeviceRig.isIdle;
import static io.godwit.machines.service.DeviceRig.serve;
import static io.godwit.machines.service.DeviceRig.state;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.DeviceStateException;
import io.godwit.engine.guest.Traffic;
import io.godwit.stream.DeviceSection;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The device as the traffic of a primary and of a secondary, with the other copy as a list. */
@Tag("fast")
final class ServiceTrafficTest {
    private final DeviceRig rig = new DeviceRig();

    /** Notes what is told, and says of answers what the test wants. */
    private static final class Other implements Traffic.Peer {
        private final List<String> told = new ArrayList<>();
        private boolean saysTheSame;

        @Override
        public void request(long number, byte[] content) {
            told.add("request " + number + " of " + askersNumber(content));
        }

        @Override
        public boolean answer(long number, byte[] content) {
            told.add("answer " + number + " of " + askersNumber(content));
            return saysTheSame;
        }

        private static long askersNumber(byte[] content) {
            long[] words = new long[2];
            ServiceWire.words(content, words);
            return words[1];
        }
    }

    @Test
    void primaryTellsRequestsBeforeTheGuestGetsThemAndHoldsAnswers() throws InterruptedException {
        Other other = new Other();
        rig.joined();
        rig.ask(1);
        rig.device.replicate(other);
        rig.ask(2, 3);
        // What waited before is in the state that is saved in the same pause.
        assertThat(other.told).containsExactly("request 2 of 2", "request 3 of 3");
        serve(rig.device);
        serve(rig.device);
        assertThat(other.told).endsWith("answer 1 of 1", "answer 2 of 2");
        assertThat(rig.customer.count()).isZero();
        assertThat(rig.device.heldCount()).isEqualTo(2);
        rig.device.release(1);
        assertThat(rig.customer.count()).isEqualTo(1);
        rig.device.release(0);
        rig.device.release(Long.MAX_VALUE);
        assertThat(rig.customer.count()).isEqualTo(2);
        serve(rig.device);
        assertThat(rig.customer.count()).as("nothing is released in advance").isEqualTo(2);
    }

    @Test
    void answerThatTheOtherCopyHasGivenLeavesAtOnce() throws InterruptedException {
        Other other = new Other();
        rig.joined().replicate(other);
        rig.ask(1, 2);
        serve(rig.device);
        other.saysTheSame = true;
        serve(rig.device);
        assertThat(rig.customer.count()).isEqualTo(2);
    }

    @Test
    void primaryHoldsWhatEitherGateHolds() throws InterruptedException {
        rig.joined().replicate(new Other());
        rig.device.outputs().hold();
        rig.ask(1);
        serve(rig.device);
        long epoch = rig.device.outputs().closeEpoch();
        rig.device.release(1);
        assertThat(rig.customer.count()).isZero();
        rig.device.outputs().release(epoch);
        assertThat(rig.customer.count()).isEqualTo(1);
    }

    @Test
    void primaryThatIsAloneLetsAllGoAndTellsNothing() throws InterruptedException {
        Other other = new Other();
        rig.joined().replicate(other);
        rig.ask(1, 2);
        serve(rig.device);
        rig.device.alone();
        assertThat(rig.customer.count()).isEqualTo(1);
        int told = other.told.size();
        serve(rig.device);
        assertThat(rig.customer.count()).isEqualTo(2);
        assertThat(other.told).hasSize(told);
    }

    @Test
    void droppedAnswersNeverLeaveAndClientsAreHungUp() throws InterruptedException {
        rig.joined().replicate(new Other());
        rig.ask(1, 2);
        serve(rig.device);
        rig.device.drop();
        assertThat(rig.customer.isHungUp()).isTrue();
        serve(rig.device);
        assertThat(rig.device.heldCount()).isZero();
        assertThat(rig.customer.count()).isZero();
        assertThat(rig.device.join(new TestCustomer())).isFalse();
        rig.device.admit();
        TestCustomer later = new TestCustomer();
        assertThat(rig.device.join(later)).isTrue();
        assertThat(rig.device.ask(content(3), later)).isTrue();
        serve(rig.device);
        assertThat(later.count()).isEqualTo(1);
    }

    @Test
    void anotherPeerGetsWhatComesFromThenOnAndHeldAnswersStayHeld() throws InterruptedException {
        Other second = new Other();
        rig.joined().replicate(new Other());
        rig.ask(1);
        serve(rig.device);
        rig.device.replicate(second);
        assertThat(rig.customer.count()).isZero();
        rig.ask(2);
        assertThat(second.told).containsExactly("request 2 of 2");
        rig.device.release(rig.device.answered());
        assertThat(rig.customer.count()).isEqualTo(1);
    }

    @Test
    void secondaryTakesWhatIsFedAndItsAnswersGoNowhere() {
        Other primary = new Other();
        ServiceDevice secondary = DeviceRig.awaited();
        secondary.standBy(primary);
        assertThat(secondary.join(rig.customer)).isFalse();
        secondary.feed(4, content(104));
        secondary.feed(5, content(105));
        assertThat(isIdle(secondary)).as("without a state nothing is next").isTrue();
        secondary.load(state(3, 3, 104));
        assertThat(serve(secondary)).isEqualTo(104);
        assertThat(serve(secondary)).isEqualTo(105);
        secondary.feed(6, content(106));
        assertThat(serve(secondary)).isEqualTo(106);
        assertThat(isIdle(secondary)).isTrue();
        assertThat(primary.told).containsExactly("answer 4 of 104", "answer 5 of 105", "answer 6 of 106");
        assertThat(secondary.heldCount()).isZero();
    }

    @Test
    void loadedStateTakesTheSecondaryBackAndWhatWasFedBehindItIsInLineAgain() {
        Other primary = new Other();
        ServiceDevice secondary = DeviceRig.awaited();
        secondary.standBy(primary);
        secondary.load(state(0, 0));
        for (long number = 1; number <= 4; number++) {
            secondary.feed(number, content(100 + number));
            serve(secondary);
        }
        secondary.load(state(2, 1));
        assertThat(secondary.answered()).isEqualTo(1);
        // Request 2 is inside the guest whose state that is.
        secondary.answer(new long[] {1, 102, 0, 0, 0, 0});
        assertThat(serve(secondary)).isEqualTo(103);
        assertThat(serve(secondary)).isEqualTo(104);
        assertThat(primary.told).endsWith("answer 2 of 102", "answer 3 of 103", "answer 4 of 104");
        // A state that is ahead of what was fed.
        secondary.load(state(5, 5, 106));
        secondary.feed(5, content(105));
        secondary.feed(6, content(106));
        secondary.feed(7, content(107));
        assertThat(serve(secondary)).isEqualTo(106);
        assertThat(serve(secondary)).isEqualTo(107);
    }

    @Test
    void secondaryThatTakesOverServesWhatWasFedAndThenItsClients() throws InterruptedException {
        Other primary = new Other();
        ServiceDevice secondary = DeviceRig.awaited();
        secondary.standBy(primary);
        secondary.load(state(0, 0));
        secondary.feed(1, content(101));
        secondary.feed(2, content(102));
        serve(secondary);
        secondary.takeOver();
        assertThat(secondary.join(rig.customer)).isTrue();
        assertThat(secondary.ask(content(102), rig.customer)).isTrue();
        assertThat(serve(secondary)).isEqualTo(102);
        assertThat(serve(secondary)).isEqualTo(102);
        assertThat(rig.customer.count()).as("the fed one was nobody's here").isEqualTo(1);
        assertThat(primary.told).hasSize(1);
        assertThatThrownBy(() -> secondary.feed(4, content(1))).hasMessageContaining("no secondary");
    }

    @Test
    void gapsAreRefused() {
        ServiceDevice secondary = DeviceRig.awaited();
        secondary.standBy(new Other());
        secondary.feed(7, content(1));
        assertThatThrownBy(() -> secondary.feed(9, content(1))).hasMessageContaining("request 9 is fed after 7");
        assertThatThrownBy(() -> secondary.load(state(3, 3)))
                .isInstanceOf(DeviceStateException.class)
                .hasMessageContaining("knows requests up to 3; the first that was fed behind it is 7");
        secondary.load(state(5, 5, 6));
        assertThat(serve(secondary)).isEqualTo(6);
        assertThat(serve(secondary)).isEqualTo(1);
    }

    /** A host loads its guest's own state in rehearsals, and requests may come before the primary's state. */
    @Test
    void aStateThatWasLoadedInARehearsalSaysNothingOfWhichRequestIsNext() {
        ServiceDevice secondary = DeviceRig.awaited();
        secondary.load(secondary.save());
        secondary.standBy(new Other());
        secondary.feed(7, content(107));
        assertThat(secondary.isWaiting()).isFalse();
        secondary.load(state(5, 5, 106));
        assertThat(serve(secondary)).isEqualTo(106);
        assertThat(serve(secondary)).isEqualTo(107);
    }

    @Test
    void secondaryKeepsTwiceWhatIsToldBetweenTwoStates() {
        ServiceDevice secondary = DeviceRig.awaited();
        secondary.standBy(new Other());
        secondary.load(state(0, 0));
        for (long number = 1; number <= 16; number++) {
            secondary.feed(number, content(number));
            serve(secondary);
        }
        assertThatThrownBy(() -> secondary.feed(17, content(17))).hasMessageContaining("16 requests wait for a state");
        secondary.load(state(10, 10));
        secondary.feed(17, content(17));
    }

    @Test
    void whoAsksWaitsForTheNextStateWhenTooMuchWasTold() throws Exception {
        rig.joined().replicate(new Other());
        for (long number = 1; number <= 8; number++) {
            rig.ask(number);
            serve(rig.device);
            rig.device.release(number);
        }
        CompletableFuture<Boolean> ninth = rig.askLater(9);
        DeviceRig.assertWaits(ninth);
        DeviceSection _ = rig.device.save();
        assertThat(ninth.get(10, TimeUnit.SECONDS)).isTrue();
    }
}
