// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class ReceivedBitmapTest {
    @Test
    void theFirstArrivalOfAPageIsToldFromTheSecond() {
        ReceivedBitmap received = new ReceivedBitmap(70);
        assertThat(received.set(69)).isTrue();
        assertThat(received.set(69)).isFalse();
        assertThat(received.isSet(69)).isTrue();
        assertThat(received.isSet(5)).isFalse();
        assertThat(received.count()).isEqualTo(1);
    }

    @Test
    void aRangeAcrossWordsIsForgottenAndNothingBesideIt() {
        ReceivedBitmap received = new ReceivedBitmap(200);
        for (int page = 0; page < 200; page++) {
            received.set(page);
        }
        received.clearRange(60, 80);
        assertThat(received.count()).isEqualTo(120);
        assertThat(received.isSet(59)).isTrue();
        assertThat(received.isSet(60)).isFalse();
        assertThat(received.isSet(139)).isFalse();
        assertThat(received.isSet(140)).isTrue();
    }

    @Test
    void onTheWirePageNIsBitNOfLittleEndianWords() {
        ReceivedBitmap received = new ReceivedBitmap(70);
        received.set(0);
        received.set(9);
        received.set(64);
        ByteBuffer out = ByteBuffer.allocate(received.wireBytes());
        received.putWire(out);
        assertThat(out.array()).containsExactly(1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
        assertThat(out.remaining()).isZero();
    }
}
