// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.ColoMessage;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A secondary speaks when it is asked. */
final class AnswersTest {
    @Test
    void whoSaysMoreThanIsDueIsHeardNoMore() {
        Answers answers = new Answers(new RamBlocks(List.of()).snapshot(), Environment.SYSTEM, () -> {});
        for (int word = 0; word < 4; word++) {
            answers.message(ColoMessage.VMSTATE_LOADED);
        }
        assertThatThrownBy(() -> answers.message(ColoMessage.VMSTATE_LOADED))
                .isInstanceOf(MigrationException.Protocol.class)
                .hasMessageContaining("before it was asked");
        answers.await(ColoMessage.VMSTATE_LOADED, 0);
        answers.message(ColoMessage.VMSTATE_LOADED);
    }
}
