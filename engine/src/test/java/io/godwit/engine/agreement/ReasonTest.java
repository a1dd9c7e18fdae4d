// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.stream.ReturnPathMessage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReasonTest {
    private final SourceSide source = new SourceSide();

    private String heard(String told) {
        for (ReturnPathMessage message : Reason.tell(told)) {
            assertThat(source.hearReason(((ReturnPathMessage.Pong) message).value()))
                    .isTrue();
        }
        return source.reason();
    }

    @Test
    void valuesOnTheWireStay() {
        assertThat(Reason.tell("tell me"))
                .isEqualTo(List.of(
                        new ReturnPathMessage.Pong(0xfe74656c),
                        new ReturnPathMessage.Pong(0xfe6c206d),
                        new ReturnPathMessage.Pong(0xfe650000)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "ab", "abc", "abcd", "the machine type is 'A', this guest's is 'B'"})
    void whatIsToldIsHeard(String told) {
        assertThat(heard(told)).isEqualTo(told);
    }

    @Test
    void whatIsTooLongIsCutAndNoMoreIsKept() {
        String told = "x".repeat(Reason.MAX_LENGTH + 100);
        assertThat(heard(told)).hasSize(Reason.MAX_LENGTH);
        assertThat(heard("and more")).hasSize(Reason.MAX_LENGTH);
    }

    @Test
    void whatIsNoPrintableCharacterIsLeftOut() {
        assertThat(heard("one\n\u001b[2Jtwo\u007f")).isEqualTo("one[2Jtwo");
        assertThat(source.hearReason(0xfeffff80)).isTrue();
        assertThat(source.reason()).isEqualTo("one[2Jtwo");
        assertThat(heard("\u00fcber")).endsWith("two?ber");
    }

    @Test
    void otherPongsArePartOfNoReason() {
        for (int pong : new int[] {1, 0, -1, 0x746f6b6e, 0x50000000}) {
            assertThat(source.hearReason(pong)).isFalse();
        }
        for (Extension extension : Extension.values()) {
            assertThat(source.hearReason(extension.yes())).isFalse();
            assertThat(source.hearReason(extension.question())).isFalse();
        }
        assertThat(source.reason()).isEmpty();
    }
}
