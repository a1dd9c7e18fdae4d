// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpEvent;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A QEMU whose guest only waits in its firmware, and whose memory is a file that a benchmark fills. */
final class QemuOfBytes implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int PAGE_BYTES = 4096;

    /** Below is the firmware's. */
    private static final int FIRST_MEBIBYTE = 16;

    /** Below is the load's own; see load.c. */
    private static final int LOAD_MEBIBYTE = 4;

    private final Path memory;
    private final Path socket;
    private final Process process;

    private QemuOfBytes(Path memory, Path socket, Process process) {
        this.memory = memory;
        this.socket = socket;
        this.process = process;
    }

    static QemuOfBytes start(Path directory, String name, int mebibytes, List<String> more)
            throws IOException, InterruptedException {
        Path memory = Files.createTempFile(Path.of("/dev/shm"), "godwit-bench-", ".ram");
        String backend = "memory-backend-file,id=ram,share=on,size=" + mebibytes + "M,mem-path=" + memory;
        return start(directory, name, mebibytes, backend, memory, more);
    }

    /** One that waits for such a guest, with ordinary memory. */
    static QemuOfBytes awaiting(Path directory, String name, int mebibytes) throws IOException, InterruptedException {
        String backend = "memory-backend-ram,id=ram,size=" + mebibytes + "M";
        Path none = Files.createTempFile(directory, name, ".none");
        return start(directory, name, mebibytes, backend, none, List.of("-incoming", "defer"));
    }

    /** The command line of one, without QMP. */
    static List<String> command(int mebibytes, String backend) {
        return List.of(
                "qemu-system-x86_64",
                "-nodefaults",
                "-display",
                "none",
                "-machine",
                "q35,accel=tcg,memory-backend=ram",
                "-m",
                mebibytes + "M",
                "-object",
                backend);
    }

    private static QemuOfBytes start(
            Path directory, String name, int mebibytes, String backend, Path memory, List<String> more)
            throws IOException, InterruptedException {
        Path socket = directory.resolve(name + ".qmp");
        List<String> command = new ArrayList<>(command(mebibytes, backend));
        command.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
        command.addAll(more);
        Process process = new ProcessBuilder(command).inheritIO().start();
        QemuOfBytes started = new QemuOfBytes(memory, socket, process);
        try (QmpClient client = started.awaitClient()) {
            capabilities(client, "events");
        }
        started.set(Json.object().put("max-bandwidth", 0));
        return started;
    }

    /** Sets parameters of its migrations. */
    void set(ObjectNode parameters) {
        try (QmpClient client = QmpClient.connect(address(), PATIENCE)) {
            client.execute("migrate-set-parameters", parameters, PATIENCE);
        }
    }

    /** Waits until the load of the native programs has filled so much. */
    void awaitFilled(int mebibytes) throws IOException {
        byte[] last = new byte[8];
        ByteBuffer read = ByteBuffer.wrap(last);
        long at = ((LOAD_MEBIBYTE + (long) mebibytes) << 20) - last.length;
        try (FileChannel file = FileChannel.open(memory)) {
            while (file.read(read.clear(), at) < last.length || read.getLong(0) == 0) {
                Thread.onSpinWait();
            }
        }
    }

    /** Loads a file with these capabilities, and gives the ms until the guest runs. */
    double load(Path file, String... capabilities) throws IOException {
        try (QmpClient client = QmpClient.connect(address(), PATIENCE)) {
            capabilities(client, capabilities);
            long begin = System.nanoTime();
            client.execute("migrate-incoming", Json.object().put("uri", "file:" + file), PATIENCE);
            Instant _ = await(client, "RESUME");
            return (System.nanoTime() - begin) / 1e6;
        }
    }

    /** Lets it listen at a unix socket with these capabilities. */
    void listen(Path at, String... capabilities) {
        try (QmpClient client = QmpClient.connect(address(), PATIENCE)) {
            capabilities(client, capabilities);
            client.execute("migrate-incoming", Json.object().put("uri", "unix:" + at), PATIENCE);
        }
    }

    /** Saves the guest, which goes on, into a file with these capabilities. */
    void save(Path file, String... capabilities) throws IOException {
        try (QmpClient client = QmpClient.connect(address(), PATIENCE)) {
            capabilities(client, capabilities);
        }
        double _ = migrate("file:" + file);
    }

    private static void capabilities(QmpClient client, String... names) {
        ArrayNode list = Json.array();
        for (String name : names) {
            list.add(Json.object().put("capability", name).put("state", true));
        }
        client.execute("migrate-set-capabilities", Json.object().set("capabilities", list), PATIENCE);
    }

    private QmpClient awaitClient() {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                return QmpClient.connect(address(), PATIENCE);
            } catch (QmpConnectionException e) {
                if (System.nanoTime() - deadline > 0 || !process.isAlive()) {
                    throw e;
                }
                Thread.onSpinWait();
            }
        }
    }

    QmpAddress address() {
        return new QmpAddress.Unix(socket);
    }

    /** Fills so much of the memory with random bytes. */
    void fill(int mebibytes, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] some = new byte[1 << 20];
        for (int i = 0; i < mebibytes; i++) {
            random.nextBytes(some);
            write((long) (FIRST_MEBIBYTE + i) << 20, some);
        }
    }

    /** Fills one page in so many with other random bytes, all over the memory. */
    void change(int each, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] page = new byte[PAGE_BYTES];
        long pages = (Files.size(memory) >> 12) - (FIRST_MEBIBYTE << 8) - (64 << 8);
        for (long i = 0; i < pages; i++) {
            if (random.nextInt(each) == 0 && i < 700L << 8) {
                random.nextBytes(page);
                write(((long) FIRST_MEBIBYTE << 20) + i * PAGE_BYTES, page);
            }
        }
    }

    private void write(long at, byte[] bytes) throws IOException {
        try (FileChannel file = FileChannel.open(memory, StandardOpenOption.WRITE)) {
            int _ = file.write(ByteBuffer.wrap(bytes), at);
        }
    }

    /** Bytes of what was filled. */
    byte[] read(int from, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try (FileChannel file = FileChannel.open(memory)) {
            while (bytes.hasRemaining()
                    && file.read(bytes, ((long) FIRST_MEBIBYTE << 20) + from + bytes.position()) >= 0) {
                // A read may give less than was asked for.
            }
        }
        return bytes.array();
    }

    /** Migrates to nobody who keeps it, lets the guest go on, and gives the MB a second. */
    double migrate(String uri) throws IOException {
        try (QmpClient client = QmpClient.connect(address(), PATIENCE)) {
            client.execute("migrate", Json.object().put("uri", uri), PATIENCE);
            JsonNode last = awaitEnd(client);
            goOn(client);
            return last.path("ram").path("transferred").asLong()
                    / 1e3
                    / Math.max(1, last.path("total-time").asLong());
        }
    }

    private static JsonNode awaitEnd(QmpClient client) throws IOException {
        while (true) {
            JsonNode now = client.execute("query-migrate", PATIENCE);
            String status = now.path("status").asString("");
            if (status.equals("completed")) {
                return now;
            }
            if (status.equals("failed")) {
                throw new IOException("QEMU's migration failed: " + now);
            }
            Optional<QmpEvent> _ = event(client, Duration.ofMillis(20));
        }
    }

    private static Optional<QmpEvent> event(QmpClient client, Duration atMost) throws IOException {
        try {
            return client.nextEvent(atMost);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static void goOn(QmpClient client) throws IOException {
        while (client.execute("query-status", PATIENCE)
                .path("status")
                .asString("")
                .equals("finish-migrate")) {
            Optional<QmpEvent> _ = event(client, Duration.ofMillis(1));
        }
        JsonNode _ = client.execute("cont", PATIENCE);
    }

    /** Migrates to a reader that discards, over the loopback. */
    double migrateToReader() throws IOException, InterruptedException {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread reader = Thread.ofPlatform().daemon().start(() -> {
                try (Socket socket = server.accept()) {
                    byte[] some = new byte[1 << 20];
                    while (socket.getInputStream().read(some) >= 0) {
                        // Nothing is kept.
                    }
                } catch (IOException _) {
                    // The figure tells.
                }
            });
            double rate = migrate("tcp:127.0.0.1:" + server.getLocalPort());
            reader.join();
            return rate;
        }
    }

    /** Migrates to another QEMU and gives the ms between the guest's stop here and its going on there. */
    double pauseOnTheWayTo(QemuOfBytes other, String uri) throws IOException {
        try (QmpClient there = QmpClient.connect(other.address(), PATIENCE);
                QmpClient here = QmpClient.connect(address(), PATIENCE)) {
            here.execute("migrate", Json.object().put("uri", uri), PATIENCE);
            Instant stopped = await(here, "STOP");
            Instant resumed = await(there, "RESUME");
            JsonNode _ = awaitEnd(here);
            goOn(here);
            return Duration.between(stopped, resumed).toNanos() / 1e6;
        }
    }

    private static Instant await(QmpClient client, String name) throws IOException {
        while (true) {
            QmpEvent event = event(client, PATIENCE).orElseThrow(() -> new IOException("no event " + name));
            if (event.name().equals(name)) {
                return event.time();
            }
        }
    }

    @Override
    public void close() throws IOException {
        Process _ = process.destroyForcibly().onExit().join();
        Files.delete(memory);
    }
}
