// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Traffic;
import io.godwit.engine.outcome.MigrationException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What both guests say leaves in order; what they say differently waits for a checkpoint. */
final class ComparisonTest {
    private static final String NOT_DUE = "not due";

    private final List<Long> released = new ArrayList<>();
    private final CheckpointTimer timer = new CheckpointTimer(Environment.SYSTEM);
    private final Comparison comparison = new Comparison(new Noting(), timer, new ColoProgress(), Environment.SYSTEM);

    /** Notes what may leave; nothing else is asked of it. */
    private final class Noting implements Traffic {
        @Override
        public void release(long upToAnswer) {
            released.add(upToAnswer);
        }

        @Override
        public void replicate(Peer peer) {
            throw new AssertionError("replicate");
        }

        @Override
        public long answered() {
            throw new AssertionError("answered");
        }

        @Override
        public long heldCount() {
            throw new AssertionError("heldCount");
        }

        @Override
        public void alone() {
            throw new AssertionError("alone");
        }

        @Override
        public void drop() {
            throw new AssertionError("drop");
        }

        @Override
        public void standBy(Peer peer) {
            throw new AssertionError("standBy");
        }

        @Override
        public void feed(long number, byte[] content) {
            throw new AssertionError("feed");
        }

        @Override
        public void takeOver() {
            throw new AssertionError("takeOver");
        }
    }

    private static byte[] text(String content) {
        return content.getBytes(StandardCharsets.UTF_8);
    }

    /** Why a checkpoint was asked for. */
    private String asked() {
        try {
            return timer.await(() -> Long.MAX_VALUE / 4, new LookOnce()::look);
        } catch (IllegalStateException e) {
            return String.valueOf(e.getMessage());
        }
    }

    /** Ends a wait that has nothing to wait for. */
    private static final class LookOnce {
        private int looks;

        long look() {
            if (looks++ > 0) {
                throw new IllegalStateException(NOT_DUE);
            }
            return 1;
        }
    }

    /** The other guest's answer comes alone. */
    private void theirs(long generation, long number, byte[] content) {
        comparison.theirs(generation, number, content);
        comparison.release();
    }

    @Test
    void answersThatComeTogetherLeaveTogether() {
        assertThat(comparison.ours(1, text("a"))).isFalse();
        assertThat(comparison.ours(2, text("b"))).isFalse();
        comparison.theirs(0, 1, text("a"));
        comparison.theirs(0, 2, text("b"));
        assertThat(released).isEmpty();
        comparison.release();
        comparison.release();
        assertThat(released).containsExactly(2L);
    }

    @Test
    void equalAnswersLeaveInOrder() {
        assertThat(comparison.ours(1, text("a"))).isFalse();
        assertThat(comparison.ours(2, text("b"))).isFalse();
        theirs(0, 1, text("a"));
        theirs(0, 2, text("b"));
        assertThat(released).containsExactly(1L, 2L);
        assertThat(comparison.oldestNanos()).isEmpty();
        assertThat(asked()).isEqualTo(NOT_DUE);
    }

    @Test
    void anAnswerThatTheOtherGuestGaveBeforeMayLeaveAtOnce() {
        theirs(0, 1, text("a"));
        assertThat(comparison.ours(1, text("a"))).isTrue();
        assertThat(released).isEmpty();
    }

    @Test
    void aDivergenceAsksForACheckpointAndReleasesNothingBeforeIt() {
        assertThat(comparison.ours(1, text("a"))).isFalse();
        theirs(0, 1, text("x"));
        assertThat(asked()).isEqualTo("the two guests differ in answer 1");
        assertThat(comparison.ours(2, text("b"))).isFalse();
        theirs(0, 2, text("b"));
        assertThat(released).isEmpty();
        assertThat(comparison.oldestNanos()).isEmpty();
        comparison.taken();
        timer.restart();
        assertThat(comparison.ours(3, text("c"))).isFalse();
        theirs(1, 3, text("c"));
        assertThat(released).containsExactly(3L);
        assertThat(asked()).isEqualTo(NOT_DUE);
    }

    @Test
    void anAnswerThatTheOtherGuestLeavesOutIsADivergence() {
        assertThat(comparison.ours(1, text("a"))).isFalse();
        theirs(0, 2, text("a"));
        assertThat(released).isEmpty();
        assertThat(asked()).isEqualTo("the two guests differ in answer 1");
    }

    @Test
    void answersOfAnotherGenerationAreNotHeard() {
        assertThat(comparison.ours(1, text("a"))).isFalse();
        comparison.taken();
        theirs(0, 1, text("a"));
        assertThat(comparison.ours(2, text("b"))).isFalse();
        theirs(0, 2, text("b"));
        theirs(2, 2, text("b"));
        assertThat(released).isEmpty();
        theirs(1, 2, text("b"));
        assertThat(released).containsExactly(2L);
    }

    /** After a checkpoint the other guest answers again what the checkpoint covers. */
    @Test
    void anAnswerOfBeforeOursIsPassedOver() {
        comparison.taken();
        assertThat(comparison.ours(5, text("e"))).isFalse();
        theirs(1, 4, text("d"));
        theirs(1, 5, text("e"));
        assertThat(released).containsExactly(5L);
        assertThat(asked()).isEqualTo(NOT_DUE);
    }

    @Test
    void theOldestUnmatchedAnswerIsTheOneThatIsOverdueFirst() {
        assertThat(comparison.oldestNanos()).isEmpty();
        assertThat(comparison.ours(1, text("a"))).isFalse();
        long first = comparison.oldestNanos().orElseThrow();
        assertThat(comparison.ours(2, text("b"))).isFalse();
        assertThat(comparison.oldestNanos()).hasValue(first);
        theirs(0, 1, text("a"));
        assertThat(comparison.oldestNanos().orElseThrow()).isGreaterThanOrEqualTo(first);
        comparison.taken();
        assertThat(comparison.oldestNanos()).isEmpty();
    }

    @Test
    void theOtherGuestIsAheadOnlySoFar() {
        byte[] most = new byte[64 << 10];
        for (int number = 1; number <= 256; number++) {
            theirs(0, number, most);
        }
        assertThatThrownBy(() -> theirs(0, 257, most))
                .isInstanceOf(MigrationException.Protocol.class)
                .hasMessageContaining("256 answers ahead");
    }

    @Test
    void alsoEmptyAnswersFillWhatIsKept() {
        for (int number = 1; number <= 262_144; number++) {
            comparison.theirs(0, number, new byte[0]);
        }
        assertThatThrownBy(() -> comparison.theirs(0, 262_145, new byte[0]))
                .isInstanceOf(MigrationException.Protocol.class)
                .hasMessageContaining("262144 answers ahead");
    }
}
