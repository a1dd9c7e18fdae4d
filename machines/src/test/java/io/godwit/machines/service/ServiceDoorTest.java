// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.machines.programs.ServicePort;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The door with clients that are rude, and a guest that answers with what it was asked. */
@Tag("fast")
@Timeout(60)
final class ServiceDoorTest {
    private static final SocketAddress ANY = ServiceAddress.parse("tcp:127.0.0.1:0");

    private final ServiceDevice device = new ServiceDevice(true, new ServiceDevice.Limits(3, 64, 4096, 64));

    /** A guest, on a thread of its own. */
    private final class Guest implements AutoCloseable {
        private volatile boolean ends;
        private final Thread thread = Thread.ofPlatform().start(this::run);

        private void run() {
            long[] request = new long[ServicePort.REQUEST_WORDS];
            while (!ends) {
                if (device.take(request)) {
                    device.answer(new long[] {request[0], request[1], 0, request[4], 0, 0});
                } else {
                    LockSupport.parkNanos(100_000);
                }
            }
        }

        @Override
        public void close() {
            ends = true;
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static ByteBuffer read(SocketChannel channel, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes) < 0) {
                throw new IOException("hung up");
            }
        }
        return bytes.flip();
    }

    private static void assertHungUp(SocketChannel channel) {
        assertThatThrownBy(() -> read(channel, ServiceWire.ANSWER_BYTES)).isInstanceOf(IOException.class);
    }

    private static boolean isHere(SocketChannel channel) throws IOException {
        ByteBuffer greeting = read(channel, ServiceWire.GREETING_BYTES);
        assertThat(greeting.getLong()).isEqualTo(ServiceWire.MAGIC);
        int here = greeting.getInt();
        assertThat(greeting.getInt()).isEqualTo(4096);
        return here == 1;
    }

    private static void send(SocketChannel channel, long number, long operation) throws IOException {
        int _ = channel.write(ByteBuffer.wrap(TestCustomer.request(1, number, operation, 0, number)));
    }

    private static void assertServed(SocketChannel channel, long number) throws IOException {
        send(channel, number, 1);
        ByteBuffer answer = read(channel, ServiceWire.ANSWER_BYTES);
        assertThat(answer.getLong(2 * Long.BYTES)).isEqualTo(number);
    }

    @Test
    void bothKindsOfSocketServe(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("service.sock");
        for (SocketAddress address : List.of(ANY, UnixDomainSocketAddress.of(file))) {
            try (Guest _ = new Guest();
                    ServiceDoor door = ServiceDoor.open(device, address);
                    SocketChannel client = SocketChannel.open(door.address())) {
                assertThat(isHere(client)).isTrue();
                for (long number = 1; number < 100; number++) {
                    assertServed(client, number);
                }
            }
            device.admit();
        }
        assertThat(Files.exists(file)).isFalse();
    }

    @Test
    void requestsThatComeTogetherOrInPiecesAreServed() throws Exception {
        try (Guest _ = new Guest();
                ServiceDoor door = ServiceDoor.open(device, ANY);
                SocketChannel client = SocketChannel.open(door.address())) {
            assertThat(isHere(client)).isTrue();
            ByteBuffer many = ByteBuffer.allocate(200 * ServiceWire.REQUEST_BYTES);
            for (long number = 1; number <= 200; number++) {
                many.put(TestCustomer.request(1, number, 1, 0, number));
            }
            many.flip();
            while (many.hasRemaining()) {
                ByteBuffer piece = many.slice(many.position(), Math.min(33, many.remaining()));
                many.position(many.position() + client.write(piece));
            }
            for (long number = 1; number <= 200; number++) {
                assertThat(read(client, ServiceWire.ANSWER_BYTES).getLong(2 * Long.BYTES))
                        .isEqualTo(number);
            }
        }
    }

    @Test
    void clientThatSendsNonsenseIsHungUpOnAndOthersAreServed() throws Exception {
        try (Guest _ = new Guest();
                ServiceDoor door = ServiceDoor.open(device, ANY);
                SocketChannel client = SocketChannel.open(door.address());
                SocketChannel rude = SocketChannel.open(door.address())) {
            assertThat(isHere(client)).isTrue();
            assertThat(isHere(rude)).isTrue();
            send(rude, 1, 77);
            assertHungUp(rude);
            assertServed(client, 1);
        }
    }

    @Test
    void clientThatDoesNotReadKeepsNobodyWaiting() throws Exception {
        try (Guest _ = new Guest();
                ServiceDoor door = ServiceDoor.open(device, ANY);
                SocketChannel deaf = SocketChannel.open(door.address());
                SocketChannel client = SocketChannel.open(door.address())) {
            deaf.configureBlocking(false);
            ByteBuffer requests = ByteBuffer.allocate(1024 * ServiceWire.REQUEST_BYTES);
            while (requests.hasRemaining()) {
                requests.put(TestCustomer.request(2, 0, 1, 0, 0));
            }
            // Until nothing more is taken from it: its answers have filled their socket, and its requests theirs.
            int idle = 0;
            while (idle < 200) {
                int written = deaf.write(requests.rewind());
                idle = written == 0 ? idle + 1 : 0;
                LockSupport.parkNanos(100_000);
            }
            assertThat(isHere(client)).isTrue();
            for (long number = 1; number < 100; number++) {
                assertServed(client, number);
            }
        }
    }

    @Test
    void clientsBeyondTheLimitAndOfAGuestThatIsElsewhereAreToldSo() throws Exception {
        List<SocketChannel> clients = new ArrayList<>();
        try (Guest _ = new Guest();
                ServiceDoor door = ServiceDoor.open(device, ANY)) {
            for (int i = 0; i < 3; i++) {
                clients.add(SocketChannel.open(door.address()));
                assertThat(isHere(clients.getLast())).isTrue();
            }
            clients.add(SocketChannel.open(door.address()));
            assertThat(isHere(clients.getLast())).isFalse();
            assertHungUp(clients.getLast());
            device.refuse();
            for (SocketChannel client : clients) {
                assertHungUp(client);
            }
            clients.add(SocketChannel.open(door.address()));
            assertThat(isHere(clients.getLast())).isFalse();
        } finally {
            for (SocketChannel client : clients) {
                client.close();
            }
        }
    }

    @Test
    void answersThatWereGivenBeforeTheGuestLeftStillArrive() throws Exception {
        try (ServiceDoor door = ServiceDoor.open(device, ANY);
                SocketChannel client = SocketChannel.open(door.address())) {
            assertThat(isHere(client)).isTrue();
            send(client, 1, 1);
            long[] request = new long[ServicePort.REQUEST_WORDS];
            while (!device.take(request)) {
                Thread.onSpinWait();
            }
            device.answer(new long[] {1, 1, 0, 0, 0, 0});
            device.refuse();
            assertThat(read(client, ServiceWire.ANSWER_BYTES).getLong(2 * Long.BYTES))
                    .isEqualTo(1);
            assertHungUp(client);
        }
    }

    @Test
    void addressesAreReadAndWritten() {
        assertThat(ServiceAddress.format(ServiceAddress.parse("tcp:127.0.0.1:80")))
                .isEqualTo("tcp:127.0.0.1:80");
        assertThat(ServiceAddress.format(ServiceAddress.parse("tcp:[::1]:80"))).isEqualTo("tcp:[0:0:0:0:0:0:0:1]:80");
        assertThat(ServiceAddress.parse("tcp::80")).isEqualTo(new InetSocketAddress(80));
        assertThat(ServiceAddress.format(ServiceAddress.parse("unix:/x/y"))).isEqualTo("unix:/x/y");
        assertThatThrownBy(() -> ServiceAddress.parse("tcp:localhost:70000"))
                .hasMessageContaining("'70000' is no port");
        assertThatThrownBy(() -> ServiceAddress.parse("http:x")).hasMessageContaining("tcp:HOST:PORT or unix:PATH");
    }
}
