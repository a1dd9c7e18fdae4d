// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * Restores of a few pages within this process, into a destination that only answers. They load, link and compile what a
 * restore needs, so that the first guest of a process runs as soon as a later one would. They go on beside what comes
 * before a restore: opening the store, and the start of QEMU. On {@code restore-rehearsal}, two of them.
 */
public final class Rehearsal {
    private static final System.Logger LOG = System.getLogger(Rehearsal.class.getName());
    private static final String BLOCK = "rehearsal";

    /** So many that the loops over a guest's pages are compiled. */
    static final int PAGES = 16_384;

    /** While nobody waits for it. */
    private static final int MAX_ROUNDS = 8;

    /** LIMIT: it takes some 100 ms; on a machine that is too busy it is given up. */
    private static final Duration PATIENCE = Duration.ofMillis(500);

    private final Thread thread = thread(this::run);
    private volatile Optional<Restore> restore = Optional.empty();
    private volatile boolean awaited;
    private volatile boolean givenUp;
    private volatile Optional<RestoreFigures> figures = Optional.empty();

    private Rehearsal() {}

    /** Begins one. Whatever happens to it, it does no harm. */
    public static Rehearsal begin() {
        Rehearsal begun = new Rehearsal();
        begun.thread.start();
        return begun;
    }

    private static Thread thread(Runnable work) {
        return Thread.ofPlatform().daemon().name("restore-rehearsal").unstarted(work);
    }

    /** Waits until the round that it is in has ended, but not for long: then it is given up, and ends by itself. */
    public void await() throws InterruptedException {
        awaited = true;
        if (!thread.join(PATIENCE)) {
            giveUp();
        }
    }

    void giveUp() {
        givenUp = true;
        restore.ifPresent(made -> thread(made::close).start());
    }

    /** What it took, once it has ended by itself; empty if it did not come to a good end. */
    public Optional<RestoreFigures> figures() throws InterruptedException {
        awaited = true;
        thread.join();
        return figures;
    }

    /** Each round is faster than the one before. */
    private void run() {
        for (int round = 0; round < MAX_ROUNDS && (round == 0 || !awaited) && !givenUp; round++) {
            rehearse(round % 2 == 0);
        }
    }

    private void rehearse(boolean overUnixSocket) {
        try {
            if (overUnixSocket) {
                Path directory = Files.createTempDirectory("godwit-rehearsal");
                Path socket = directory.resolve("socket");
                try {
                    rehearse(StandardProtocolFamily.UNIX, UnixDomainSocketAddress.of(socket), _ -> "unix:" + socket);
                } finally {
                    boolean _ = Files.deleteIfExists(socket);
                    Files.delete(directory);
                }
            } else {
                rehearse(
                        StandardProtocolFamily.INET,
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        server -> "tcp:127.0.0.1:" + server.socket().getLocalPort());
            }
        } catch (IOException | InterruptedException | RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "not rehearsed: the guest will run some 50 ms later", e);
        }
    }

    private void rehearse(
            StandardProtocolFamily family, SocketAddress address, Function<ServerSocketChannel, String> uriOf)
            throws IOException, InterruptedException {
        try (ServerSocketChannel server = ServerSocketChannel.open(family);
                NativeMemory pages = NativeMemory.allocate(2 * RamBlock.PAGE_BYTES);
                StoredGuest guest = new StoredGuest(manifest(), new FewPages(pages), Optional.empty())) {
            pages.putLong(0, 1);
            server.bind(address);
            thread(() -> answer(server)).start();
            Restore.Settings settings = new Restore.Settings(true, true, 0);
            try (Restore made = new Restore(guest, Optional.empty(), uriOf.apply(server), settings)) {
                restore = Optional.of(made);
                if (givenUp) {
                    return;
                }
                figures = Optional.of(made.run());
            }
        }
    }

    private static Manifest manifest() {
        SavedBlock block =
                new SavedBlock(BLOCK, (long) PAGES * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES, OptionalLong.empty());
        SavedDevice device = new SavedDevice(BLOCK, 0, 1, Bytes.copyOf(new byte[64]));
        return new Manifest(
                Map.of(),
                Configuration.of(BLOCK),
                List.of(block),
                List.of(device),
                "",
                new Manifest.Counts(PAGES, 0, 0, 0, 0),
                List.of());
    }

    /** One page in four has content; most of them are quick to send. */
    private record FewPages(NativeMemory two) implements StoredPages {
        @Override
        public void locate(int block, PageBatch batch) {
            for (int i = 0; i < batch.count(); i++) {
                batch.locate(i, two, batch.page(i) % 4 == 0 ? 0 : RamBlock.PAGE_BYTES);
            }
        }
    }

    private static void answer(ServerSocketChannel server) {
        try (SocketChannel main = server.accept()) {
            Answers answers = new Answers(main, server);
            StreamReader reader = new StreamReader(answers, StreamLimits.DEFAULT);
            ByteBuffer in = ByteBuffer.allocate(1 << 18);
            while (main.read(in) >= 0) {
                reader.consume(in.flip());
                in.compact();
            }
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "the rehearsed destination ends", e);
        }
    }

    /** A destination with no memory: it says what one says that has all it is sent. */
    private record Answers(SocketChannel main, ServerSocketChannel server) implements StreamListener {
        @Override
        public void command(Command command) {
            if (command instanceof Command.Ping ping) {
                say(new ReturnPathMessage.Pong(ping.value()));
            } else if (command instanceof Command.Packaged packaged) {
                say(new ReturnPathMessage.RequestPagesOf(
                        BLOCK, (long) PAGES / 2 * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES));
                PostcopyPackage.decode(packaged.blob(), StreamLimits.DEFAULT)
                        .pings()
                        .forEach(ping -> say(new ReturnPathMessage.Pong(ping)));
            }
        }

        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            // Nobody uses it.
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            // Nobody uses it.
        }

        @Override
        public void endOfStream() {
            say(new ReturnPathMessage.Shut(0));
        }

        private void say(ReturnPathMessage message) {
            ByteBuffer out = ByteBuffer.allocate(message.byteLength());
            message.encode(out);
            out.flip();
            try {
                while (out.hasRemaining()) {
                    int _ = main.write(out);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
