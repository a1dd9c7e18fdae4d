// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What clients notice, with a service that does to them what each test says. */
@Tag("fast")
final class ClientLoadTest {
    private static final long PATIENCE_NANOS = 20_000_000_000L;
    private static final ClientSettings.Mix ALL_KINDS = new ClientSettings.Mix(30, 10, 4, 10);

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE_NANOS;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("it never came to that").isLessThan(end);
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** One client against a service that changes its answers from number 50 on. */
    private static String finding(Function<ClientAnswer, List<ClientAnswer>> change)
            throws IOException, InterruptedException {
        try (FakeService service =
                        new FakeService(answer -> answer.number() < 50 ? List.of(answer) : change.apply(answer));
                ClientLoad load = ClientLoad.start(ClientSettings.of(List.of(service.address()), 1))) {
            await(() -> !load.figures().findings().isEmpty());
            return load.stop().findings().getFirst();
        }
    }

    private static ClientAnswer with(ClientAnswer a, long value, long checksum, long serial) {
        return new ClientAnswer(a.fencingNumber(), a.client(), a.number(), a.status(), value, checksum, serial);
    }

    @Test
    void rightAnswersAreCountedAndTimed() throws IOException, InterruptedException {
        try (FakeService service = new FakeService(List::of);
                ClientLoad load = ClientLoad.start(
                        ClientSettings.of(List.of(service.address()), 3).withMix(ALL_KINDS))) {
            await(() -> load.figures().answers() > 1000);
            ClientFigures figures = load.stop();
            assertThat(figures.findings()).isEmpty();
            assertThat(figures.reconnects()).isZero();
            assertThat(figures.latency().count()).isEqualTo(figures.answers());
            assertThat(figures.answersPerSecond()).isPositive();
            assertThat(figures.longestGapNanos()).isPositive();
        }
    }

    @Test
    void answersThatWereLostAreFound() throws IOException, InterruptedException {
        assertThat(finding(a -> List.of(new ClientAnswer(
                        a.fencingNumber(), a.client(), a.number(), 1, a.number() - 5, a.checksum(), a.serial()))))
                .isEqualTo("Client 0: answers are lost: it was answered up to request 49, and the guest knows of 45"
                        + " only.");
    }

    @Test
    void wrongValueIsFound() throws IOException, InterruptedException {
        assertThat(finding(a -> List.of(with(a, a.value() + 1, a.checksum() + 1, a.serial()))))
                .contains("request 50 was answered with the value");
    }

    @Test
    void wrongChecksumIsFound() throws IOException, InterruptedException {
        assertThat(finding(a -> List.of(with(a, a.value(), a.checksum() + 1, a.serial()))))
                .contains("request 50 was answered with the checksum");
    }

    @Test
    void answerThatComesTwiceIsFound() throws IOException, InterruptedException {
        assertThat(finding(a -> List.of(a, a))).contains("request 50 was answered twice");
    }

    @Test
    void answerToSomebodyElseIsFound() throws IOException, InterruptedException {
        assertThat(finding(a -> List.of(
                        new ClientAnswer(a.fencingNumber(), 9, a.number(), 0, a.value(), a.checksum(), a.serial()))))
                .contains("with an answer to request 50 of client 9");
    }

    @Test
    void guestThatWasSetBackIsFoundByItsSerial() throws IOException, InterruptedException {
        assertThat(finding(a -> List.of(with(a, a.value(), a.checksum(), a.serial() - 10))))
                .contains("number 49 was known before it was asked");
    }

    @Test
    void twoGuestsAreFoundBySerialsThatComeTwice() {
        SeenByAll seen = new SeenByAll();
        assertThat(seen.checkSerial(1, 7, 0)).isEmpty();
        assertThat(seen.checkSerial(1, 7, 0).orElseThrow()).contains("there are two guests");
    }

    @Test
    void unansweredRequestIsRepeatedElsewhereAndDoneOnce() throws IOException, InterruptedException {
        AtomicInteger count = new AtomicInteger();
        try (FakeService service =
                        new FakeService(answer -> count.incrementAndGet() % 7 == 0 ? List.of() : List.of(answer));
                ClientLoad load =
                        ClientLoad.start(ClientSettings.of(List.of(service.address(), service.address()), 2))) {
            await(() -> load.figures().answers() > 200);
            ClientFigures figures = load.stop();
            assertThat(figures.findings()).isEmpty();
            assertThat(figures.reconnects()).isGreaterThan(20);
        }
    }

    @Test
    void answerOfAFormerHostIsRefusedAndAskedForAgain() throws IOException, InterruptedException {
        AtomicInteger count = new AtomicInteger();
        try (FakeService service = new FakeService(a -> List.of(new ClientAnswer(
                        count.incrementAndGet() % 5 == 0 ? 1 : 2,
                        a.client(),
                        a.number(),
                        a.status(),
                        a.value(),
                        a.checksum(),
                        a.serial())));
                ClientLoad load = ClientLoad.start(ClientSettings.of(List.of(service.address()), 1))) {
            await(() -> load.figures().answers() > 100);
            ClientFigures figures = load.stop();
            assertThat(figures.findings()).isEmpty();
            assertThat(figures.refusedAnswers()).isGreaterThan(10);
        }
    }

    @Test
    void serviceThatFallsSilentIsLeftAfterTheTimeoutAndFoundAfterAllPatience()
            throws IOException, InterruptedException {
        try (FakeService service = new FakeService(answer -> {
                    if (answer.number() > 20) {
                        LockSupport.park();
                    }
                    return List.of(answer);
                });
                ClientLoad load = ClientLoad.start(ClientSettings.of(List.of(service.address()), 1)
                        .withPatience(Duration.ofMillis(100), Duration.ofMillis(500)))) {
            await(() -> !load.figures().findings().isEmpty());
            assertThat(load.stop().findings()).first().asString().contains("has no answer after");
        }
    }

    @Test
    void absurdSettingsAreRefused() {
        assertThatThrownBy(() -> ClientSettings.of(List.of(), 1)).hasMessageContaining("need an address");
        assertThatThrownBy(() -> new ClientSettings.Mix(60, 60, 1, 0)).hasMessageContaining("of all requests");
        assertThatThrownBy(() -> new ClientSettings.Mix(0, 60, 65_537, 0)).hasMessageContaining("0 to 65536 pages");
        assertThatThrownBy(() ->
                        ClientSettings.of(List.of(new InetSocketAddress(1)), 2).withFirstClient(4095))
                .hasMessageContaining("0 to 4095");
    }
}
