// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.GuestOwner;
import java.util.List;
import org.junit.jupiter.api.Test;

class IncomingStateTest {
    private static final IncomingState SETUP = new IncomingState.Setup();
    private static final IncomingState ACTIVE = new IncomingState.Active();
    private static final IncomingState LOADING = new IncomingState.PostcopyLoading();
    private static final IncomingState POSTCOPY = new IncomingState.PostcopyActive();
    private static final IncomingState PAUSED = new IncomingState.PostcopyPaused("cut");
    private static final IncomingState RECOVER = new IncomingState.PostcopyRecover();
    private static final IncomingState COMPLETED = new IncomingState.Completed();
    private static final IncomingState FAILED = new IncomingState.Failed("no", GuestOwner.PEER);
    private static final List<IncomingState> ALL =
            List.of(SETUP, ACTIVE, LOADING, POSTCOPY, PAUSED, RECOVER, COMPLETED, FAILED);

    private static List<IncomingState> after(IncomingState state) {
        return ALL.stream().filter(state::mayBecome).toList();
    }

    @Test
    void onlyTheseStatesFollowEachOther() {
        assertThat(after(SETUP)).containsExactly(ACTIVE, FAILED);
        assertThat(after(ACTIVE)).containsExactly(LOADING, COMPLETED, FAILED);
        assertThat(after(LOADING)).containsExactly(POSTCOPY, FAILED);
        assertThat(after(POSTCOPY)).containsExactly(PAUSED, COMPLETED);
        assertThat(after(PAUSED)).containsExactly(PAUSED, RECOVER);
        assertThat(after(RECOVER)).containsExactly(POSTCOPY, PAUSED);
        assertThat(after(COMPLETED)).isEmpty();
        assertThat(after(FAILED)).isEmpty();
    }

    @Test
    void aGuestThatHasBeenTakenOverIsNeverGivenUpAsFailed() {
        for (IncomingState state : ALL) {
            if (state.hasGuest()) {
                assertThat(state.mayBecome(FAILED)).as(state.toString()).isFalse();
            }
        }
    }
}
