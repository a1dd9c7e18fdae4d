// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.transport.HangingResolver;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A name that is not found out keeps nobody from anything but the command that wants to listen there. */
@Timeout(60)
class HangingLookupTest {
    private static final String HANGING = "tcp:hanging:0";

    private final HangingResolver resolver = new HangingResolver();

    @TempDir
    private Path locks;

    private PostcopyPair pair;

    @BeforeEach
    void makePair() {
        pair = new PostcopyPair(locks, locks, resolver.transports());
        pair.destination.setParameters(pair.destination.parameters().with(MigrationParameter.CONNECT_TIMEOUT, 600_000));
    }

    @AfterEach
    void close() {
        resolver.answer();
        pair.close();
    }

    private CompletableFuture<Void> begin(Runnable command) {
        CompletableFuture<Void> begun = CompletableFuture.runAsync(command, Thread::startVirtualThread);
        resolver.awaitAsked();
        return begun;
    }

    private static void assertRefused(CompletableFuture<Void> command) {
        assertThatThrownBy(() -> command.get(60, TimeUnit.SECONDS))
                .isInstanceOf(ExecutionException.class)
                .cause()
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContainingAll(HANGING, "this side is ending");
    }

    @Test
    void whileItIsLookedUpTheHostEnds() throws Exception {
        CompletableFuture<Void> command = begin(() -> pair.destination.migrateIncoming(HANGING));
        pair.destination.close();
        assertRefused(command);
        assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.NONE);
        assertThat(pair.destination.awaitEnd(Duration.ofDays(1))).isTrue();
    }

    @Test
    void whileItIsLookedUpOtherCommandsAreAnswered() {
        CompletableFuture<Void> command = begin(() -> pair.destination.migrateIncoming(HANGING));
        assertThat(pair.destination.statistics().listenAddress()).isEmpty();
        assertThatThrownBy(() -> pair.destination.migrateIncoming("tcp:127.0.0.1:0"))
                .isInstanceOf(MigrationException.Refused.class);
        assertThatThrownBy(() -> pair.destination.setCapability(Capability.POSTCOPY_RAM, false))
                .isInstanceOf(MigrationException.Refused.class);
        assertThatThrownBy(() -> pair.destination.recover("tcp:127.0.0.1:0"))
                .isInstanceOf(MigrationException.Refused.class);
        assertThat(command).isNotDone();
    }

    @Test
    void onceItIsKnownTheGuestIsTakenIn() throws Exception {
        CompletableFuture<Void> command = begin(() -> pair.destination.migrateIncoming(HANGING));
        resolver.answer();
        command.get(60, TimeUnit.SECONDS);
        pair.source.migrate(pair.address().replace("hanging", "127.0.0.1"));
        pair.assertArrived();
    }

    @Test
    void anAddressThatIsRefusedLeavesTheHostFreeForAnother() {
        assertThatThrownBy(() -> pair.destination.migrateIncoming("unix:" + locks.resolve("none/at.all")))
                .isInstanceOf(MigrationException.Refused.class);
        assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.NONE);
        pair.source.migrate(pair.listen());
        pair.assertArrived();
    }

    @Test
    void whileARecoveryLooksItUpTheHostEnds() {
        arriveByPostcopy();
        CompletableFuture<Void> command = begin(() -> pair.destination.recover(HANGING));
        assertThatThrownBy(() -> pair.destination.recover("tcp:127.0.0.1:0"))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("still being looked up");
        pair.destination.close();
        assertRefused(command);
    }

    private void arriveByPostcopy() {
        pair.source.migrate(pair.listen());
        pair.source.startPostcopy();
        pair.assertArrived();
        assertThat(pair.destination.statistics().postcopy()).as("by postcopy").isPresent();
    }
}
