// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.stream.Command;
import io.godwit.testkit.guest.StillGuest;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AgreementTest {
    private final SourceSide source = new SourceSide();

    @Test
    void valuesOnTheWireStay() {
        assertThat(Extension.values())
                .extracting(Extension::question)
                .containsExactly(0x676f6477, 0x73616665, 0x686f6c65, 0x706c7567, 0x636f6c6f, 0x73746e64, 0x77726974);
        assertThat(Extension.values())
                .extracting(Extension::yes)
                .containsExactly(0x746f6b6e, 0x65706f63, 0x67617073, 0x736c6f74, 0x636f6d70, 0x7374696c, 0x74656e73);
        assertThat(Extension.TOKEN.no()).hasValue(0x6e6f746b);
        assertThat(Extension.HOLE_COUNT).isEqualTo(0x6c656674);
    }

    @Test
    void noTwoValuesAreTheSame() {
        IntStream all = IntStream.of(Extension.HOLE_COUNT);
        for (Extension extension : Extension.values()) {
            all = IntStream.concat(all, IntStream.of(extension.question(), extension.yes()));
            all = IntStream.concat(all, extension.no().stream());
        }
        assertThat(all.boxed().toList()).doesNotHaveDuplicates();
    }

    @ParameterizedTest
    @EnumSource
    void aYesIsHeardAndIsNoEcho(Extension extension) {
        assertThat(source.hear(extension.question())).isFalse();
        assertThat(source.agreed(extension)).isFalse();
        assertThat(source.hear(extension.yes())).isTrue();
        for (Extension one : Extension.values()) {
            assertThat(source.agreed(one)).isEqualTo(one == extension);
        }
        assertThat(source.isGodwit()).isEqualTo(extension == Extension.TOKEN);
    }

    @Test
    void aGodwitWithAnotherTokenIsAGodwit() {
        assertThat(source.hear(Extension.TOKEN.no().orElseThrow())).isTrue();
        assertThat(source.isGodwit()).isTrue();
        assertThat(source.agreed(Extension.TOKEN)).isFalse();
    }

    @Test
    void holesAreToldWhereTheyWereAgreedOnly() {
        assertThat(source.holes(7)).isEmpty();
        assertThat(source.hear(Extension.HOLES.yes())).isTrue();
        assertThat(source.holes(7)).containsExactly(new Command.Ping(Extension.HOLE_COUNT), new Command.Ping(7));
    }

    @Test
    void aDestinationSaysYesBeforeItsEchoAndNothingThatItCannot() {
        try (StillGuest guest = new StillGuest(1 << 20, 1)) {
            RunControl run = new RunControl(guest, new NoArbiter(), RunState.INMIGRATE);
            DestinationSide destination = new DestinationSide(guest, run, true, () -> true, true);
            assertThat(answers(destination, 5)).containsExactly(5);
            assertThat(answers(destination, Extension.HOLES.question()))
                    .containsExactly(Extension.HOLES.yes(), Extension.HOLES.question());
            assertThat(answers(destination, Extension.PLUG.question())).containsExactly(Extension.PLUG.question());
            assertThat(answers(destination, Extension.TOKEN.question()))
                    .containsExactly(Extension.TOKEN.no().orElseThrow(), Extension.TOKEN.question());
            assertThat(answers(destination, Extension.SAFETY.question())).containsExactly(Extension.SAFETY.question());
            assertThat(destination.agreed(Extension.HOLES)).isTrue();
            assertThat(destination.agreed(Extension.PLUG)).isFalse();
            assertThat(destination.isGodwit()).isTrue();
        }
    }

    @Test
    void whereOneConnectionCanComeNothingIsCompared() {
        try (StillGuest guest = new StillGuest(1 << 20, 1)) {
            RunControl run = new RunControl(guest, new NoArbiter(), RunState.INMIGRATE);
            DestinationSide destination = new DestinationSide(guest, run, false, () -> false, true);
            assertThat(answers(destination, Extension.COMPARE.question()))
                    .containsExactly(Extension.COMPARE.question());
        }
    }

    @Test
    void theNumberBehindTheHoleCountIsNoQuestion() {
        try (StillGuest guest = new StillGuest(1 << 20, 1)) {
            DestinationSide destination = new DestinationSide(
                    guest, new RunControl(guest, new NoArbiter(), RunState.INMIGRATE), false, () -> true, true);
            // Unasked, a count is an ordinary PING.
            answers(destination, Extension.HOLE_COUNT);
            answers(destination, 9);
            assertThat(destination.holes()).isZero();
            answers(destination, Extension.HOLES.question());
            answers(destination, Extension.HOLE_COUNT);
            assertThat(answers(destination, Extension.PLUG.question())).containsExactly(Extension.PLUG.question());
            assertThat(destination.holes()).isEqualTo(Extension.PLUG.question());
        }
    }

    private static List<Integer> answers(DestinationSide destination, int ping) {
        List<Integer> pongs = new ArrayList<>();
        destination.answer(ping, pongs::add);
        return pongs;
    }
}
