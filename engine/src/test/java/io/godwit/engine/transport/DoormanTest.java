// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class DoormanTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int STRANGERS = 1000;

    @TempDir
    private Path directory;

    private final AtomicLong now = new AtomicLong();
    private final Words words = new Words();
    private final AbortSignal abort = new AbortSignal();
    private final List<SocketChannel> opened = new ArrayList<>();

    /** A connection says {@code main}, {@code page} or {@code past}, or is a stranger's. */
    private static final class Words implements Recognition {
        volatile boolean silence;

        @Override
        public Verdict judge(ByteBuffer first) {
            String said = StandardCharsets.UTF_8.decode(first).toString();
            for (ConnectionRole role : ConnectionRole.values()) {
                if (said.startsWith(word(role))) {
                    return new Verdict.Known(role);
                }
            }
            return said.length() < 4 ? new Verdict.Unclear() : new Verdict.Stranger("it says " + said);
        }

        @Override
        public byte[] tooLate(ConnectionRole role, String holder) {
            String words = role == ConnectionRole.MAIN ? "too late, after " + holder : "";
            return words.getBytes(StandardCharsets.UTF_8);
        }

        static String word(ConnectionRole role) {
            return switch (role) {
                case MAIN -> "main";
                case PREEMPT -> "page";
                case EPOCHS -> "past";
                case COMPARE -> "same";
            };
        }

        @Override
        public boolean mayBeSilent() {
            return silence;
        }
    }

    @AfterEach
    void close() throws IOException {
        for (SocketChannel channel : opened) {
            channel.close();
        }
        abort.close();
    }

    private Doorman doorman(String uri) {
        Transports transports = new SystemTransports(Descriptors.ANY_NUMBER);
        return new Doorman(
                transports.listen(transports.usable(uri), PATIENCE, abort), words, PATIENCE, Environment.of(now::get));
    }

    private String uri(String scheme) {
        return scheme.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + directory.resolve("m.sock");
    }

    private SocketChannel visit(Doorman doorman, String says) throws IOException {
        SocketAddress address = switch (doorman.address()) {
            case MigrationUri.Tcp(String host, int port) -> new InetSocketAddress(host, port);
            case MigrationUri.Unix(Path path) -> UnixDomainSocketAddress.of(path);
            case MigrationUri.Fd _, MigrationUri.Exec _, MigrationUri.File _ -> throw new AssertionError();
        };
        SocketChannel channel = address instanceof UnixDomainSocketAddress
                ? SocketChannel.open(StandardProtocolFamily.UNIX)
                : SocketChannel.open();
        opened.add(channel);
        channel.connect(address);
        if (!says.isEmpty()) {
            channel.write(ByteBuffer.wrap(says.getBytes(StandardCharsets.UTF_8)));
        }
        return channel;
    }

    /** Waits until the doorman has closed the connection. */
    private static void assertTurnedAway(SocketChannel channel) {
        assertThatThrownBy(() -> {
                    if (channel.read(ByteBuffer.allocate(1)) < 0) {
                        throw new IOException("the end");
                    }
                })
                .isInstanceOf(IOException.class);
    }

    private static boolean isOpen(SocketChannel channel) {
        try {
            return channel.read(ByteBuffer.allocate(1)) == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private static String readAll(SocketChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(1024);
        while (channel.read(bytes) >= 0) {
            assertThat(bytes.hasRemaining()).isTrue();
        }
        return StandardCharsets.UTF_8.decode(bytes.flip()).toString();
    }

    private static String read(Channel channel, int length) {
        try (NativeMemory memory = NativeMemory.allocate(16)) {
            StringBuilder text = new StringBuilder();
            while (text.length() < length) {
                int n = channel.read(memory, 0, length - text.length(), PATIENCE.toNanos());
                assertThat(n).as("bytes after '" + text + "'").isPositive();
                text.append(StandardCharsets.UTF_8.decode(memory.buffer(0, n)));
            }
            return text.toString();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp", "unix"})
    void theSourceIsLetInAfterAThousandStrangersOfEachKind(String scheme) throws Exception {
        int descriptors = descriptors();
        long threads = threads();
        try (Doorman doorman = doorman(uri(scheme))) {
            for (int i = 0; i < STRANGERS; i++) {
                visit(doorman, "").close();
                SocketChannel get = visit(doorman, "GET / HTTP/1.0\r\n\r\n");
                assertTurnedAway(get);
                get.close();
                visit(doorman, "").configureBlocking(true);
                visit(doorman, "ma").configureBlocking(true);
            }
            visit(doorman, "main stream");
            try (Channel main = doorman.open(ConnectionRole.MAIN, abort)) {
                assertThat(read(main, 11)).isEqualTo("main stream");
            }
        }
        close();
        assertThat(descriptors()).as("descriptors").isLessThanOrEqualTo(descriptors);
        assertThat(threads()).as("threads").isLessThanOrEqualTo(threads);
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).as("files").isEmpty();
        }
    }

    @Test
    void whoSaysNothingIsTurnedAwayAfterAWhile() throws Exception {
        try (Doorman doorman = doorman(uri("tcp"))) {
            SocketChannel silent = visit(doorman, "");
            SocketChannel half = visit(doorman, "ma");
            // The doorman has seen both once it has seen a third.
            assertTurnedAway(visit(doorman, "nonsense"));
            for (SocketChannel channel : List.of(silent, half)) {
                channel.configureBlocking(false);
                // More than once: what the second has said may be read only now, and its time begins with that.
                while (isOpen(channel)) {
                    now.addAndGet(PATIENCE.toNanos());
                    doorman.reconsider();
                    Thread.onSpinWait();
                }
            }
        }
    }

    @Test
    void fewMayWaitAndTheOldestGoesFirst() throws Exception {
        try (Doorman doorman = doorman(uri("tcp"))) {
            SocketChannel oldest = visit(doorman, "");
            SocketChannel older = visit(doorman, "ma");
            for (int i = 0; i < Doorman.MAX_WAITING; i++) {
                visit(doorman, "m");
            }
            SocketChannel half = visit(doorman, "ma");
            assertTurnedAway(oldest);
            assertTurnedAway(older);
            half.write(ByteBuffer.wrap("in".getBytes(StandardCharsets.UTF_8)));
            try (Channel main = doorman.open(ConnectionRole.MAIN, abort)) {
                assertThat(read(main, 4)).isEqualTo("main");
            }
        }
    }

    @Test
    void aSecondSourceIsTurnedAwayAtOnceAndAThirdComesInAfterTheFirst() throws Exception {
        try (Doorman doorman = doorman(uri("tcp"))) {
            visit(doorman, "main");
            try (Channel first = doorman.open(ConnectionRole.MAIN, abort)) {
                assertThat(readAll(visit(doorman, "main"))).isEqualTo("too late, after " + first.peer());
                assertThat(first.peer()).startsWith("127.0.0.1:").endsWith(" at " + doorman.address());
            }
            visit(doorman, "main3");
            try (Channel third = doorman.open(ConnectionRole.MAIN, abort)) {
                assertThat(read(third, 5)).isEqualTo("main3");
            }
        }
    }

    @Test
    void furtherConnectionsComeOnlyAfterTheMainOneAndOneForEachRole() throws Exception {
        try (Doorman doorman = doorman(uri("tcp"))) {
            assertTurnedAway(visit(doorman, "page"));
            visit(doorman, "main");
            try (Channel _ = doorman.open(ConnectionRole.MAIN, abort)) {
                visit(doorman, "page1");
                visit(doorman, "past");
                try (Channel pages = doorman.open(ConnectionRole.PREEMPT, abort);
                        Channel past = doorman.open(ConnectionRole.EPOCHS, abort)) {
                    assertTurnedAway(visit(doorman, "page2"));
                    assertTurnedAway(visit(doorman, "past"));
                    assertThat(read(pages, 5)).isEqualTo("page1");
                    assertThat(read(past, 4)).isEqualTo("past");
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 20})
    void aConnectionOfTheSourceMayBeSilentAmongAThousandStrangers(int strangersFirst) throws Exception {
        words.silence = true;
        try (Doorman doorman = doorman(uri("tcp"))) {
            for (int i = 0; i < STRANGERS; i++) {
                visit(doorman, "");
            }
            visit(doorman, "main");
            try (Channel _ = doorman.open(ConnectionRole.MAIN, abort)) {
                for (int i = 0; i < strangersFirst; i++) {
                    visit(doorman, "");
                }
                SocketChannel silent = visit(doorman, "");
                for (int i = 0; i < STRANGERS; i++) {
                    visit(doorman, "");
                }
                now.addAndGet(100 * PATIENCE.toNanos());
                doorman.reconsider();
                silent.write(ByteBuffer.wrap("page".getBytes(StandardCharsets.UTF_8)));
                try (Channel pages = doorman.open(ConnectionRole.PREEMPT, abort)) {
                    assertThat(read(pages, 4)).isEqualTo("page");
                }
            }
        }
    }

    @Test
    void anAbortEndsTheWaitForAConnectionAndTheWaitsOfOneThatCame() throws Exception {
        try (Doorman doorman = doorman(uri("tcp"));
                NativeMemory memory = NativeMemory.allocate(16)) {
            visit(doorman, "main");
            Channel main = doorman.open(ConnectionRole.MAIN, abort);
            assertThat(read(main, 4)).isEqualTo("main");
            CompletableFuture<Throwable> waiting = thrown(() -> doorman.open(ConnectionRole.PREEMPT, abort));
            CompletableFuture<Throwable> reading = thrown(() -> main.read(memory, 0, 1));
            abort.raise("enough");
            for (CompletableFuture<Throwable> one : List.of(waiting, reading)) {
                assertThat(one.get(60, TimeUnit.SECONDS))
                        .isInstanceOf(MigrationException.Transport.class)
                        .hasMessage("enough");
            }
            main.close();
        }
    }

    @Test
    void theEndOfTheDoormanEndsTheWaitForAConnection() throws Exception {
        Doorman doorman = doorman(uri("tcp"));
        CompletableFuture<Throwable> waiting = thrown(() -> doorman.open(ConnectionRole.MAIN, abort));
        doorman.close();
        assertThat(waiting.get(60, TimeUnit.SECONDS)).isInstanceOf(MigrationException.Transport.class);
    }

    private static CompletableFuture<Throwable> thrown(Runnable action) {
        return CompletableFuture.runAsync(action, task -> Thread.ofPlatform().start(task))
                .handle((_, e) -> Optional.ofNullable(e.getCause()).orElse(e));
    }

    private static int descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return (int) all.count();
        }
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("mig-"))
                .count();
    }
}
