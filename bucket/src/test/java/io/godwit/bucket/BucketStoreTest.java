// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.care.Collector;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Configuration;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;

/** A store in a bucket: what is promised of a directory holds there too, whoever dies and whatever is refused. */
@Timeout(120)
class BucketStoreTest {
    private static final int PAGE = 4096;
    private static final SnapshotName ONE = new SnapshotName("web/one");
    private static final SnapshotName TWO = new SnapshotName("web/two");

    /** Long against the second in which servers tell times, short for a test. */
    private static final Lease.Terms SHORT =
            new Lease.Terms(Duration.ofSeconds(3), Duration.ofMillis(200), Duration.ofSeconds(1));

    @TempDir
    Path cache = Path.of("");

    @SuppressWarnings("NullAway.Init")
    private static S3Server server;

    /** Each test has its own. */
    private final BucketAddress address = new BucketAddress(S3Server.BUCKET, UUID.randomUUID() + "/store/");

    @BeforeAll
    static void start() throws Exception {
        server = new S3Server();
    }

    @AfterAll
    static void end() throws Exception {
        server.stop();
    }

    private ObjectPlace place(String machine, ExecutionInterceptor interceptor) {
        return new BucketPlace(address, new Bucket(address, server.client(interceptor)), cache.resolve(machine), SHORT);
    }

    private Store store(String machine) {
        return Store.openOrCreate(place(machine, new ExecutionInterceptor() {}));
    }

    /** A guest of pages by chance, some of them zero. */
    private static byte[] guest(long seed, int pages) {
        byte[] memory = new byte[pages * PAGE];
        SplittableRandom random = new SplittableRandom(seed);
        for (int page = 0; page < pages; page++) {
            if (random.nextInt(4) > 0) {
                byte[] content = new byte[PAGE];
                random.nextBytes(content);
                System.arraycopy(content, 0, memory, page * PAGE, PAGE);
            }
        }
        return memory;
    }

    private static Manifest write(Store store, SnapshotName name, byte[] memory) {
        try (SnapshotWriter writer = store.write(name)) {
            return write(writer, memory);
        }
    }

    private static Manifest write(SnapshotWriter writer, byte[] memory) {
        writer.blocks(List.of(new SavedBlock("ram", memory.length, PAGE, OptionalLong.empty())));
        for (int at = 0; at < memory.length; at += PAGE) {
            writer.page(0, at, memory, at);
        }
        return writer.finish(Map.of(), Configuration.of("none"), List.of(), "");
    }

    private static void assertReads(Snapshot snapshot, byte[] memory) {
        byte[] read = new byte[memory.length];
        snapshot.read(0, 0, memory.length / PAGE, read, 0);
        assertThat(Arrays.mismatch(read, memory)).as("first byte that differs").isEqualTo(-1);
    }

    @Test
    void whatOneMachineWritesAnotherReadsAndAddsTo() {
        byte[] memory = guest(1, 1000);
        Manifest first = write(store("a"), ONE, memory);
        assertThat(first.counts().newPages()).isEqualTo(first.counts().content());
        Store other = store("b");
        assertThat(other.snapshots()).containsExactly(ONE);
        try (Snapshot snapshot = other.snapshot(ONE)) {
            assertReads(snapshot, memory);
        }
        memory[5 * PAGE] ^= 1;
        assertThat(write(other, TWO, memory).counts().newPages()).isEqualTo(1);
        StoreCheck.Report report = StoreCheck.check(store("c"));
        assertThat(report.damages()).isEmpty();
    }

    @Test
    void oneWritesAtATimeAndWhoIsTurnedAwayIsToldAtOnce() {
        Store one = store("a");
        Store other = store("b");
        try (SnapshotWriter writer = one.write(ONE)) {
            assertThatThrownBy(() -> other.write(TWO))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("is being written or collected by another process");
            assertThatThrownBy(() -> Collector.collect(other)).hasMessageContaining("being written");
            Manifest _ = write(writer, guest(2, 100));
        }
        Manifest _ = write(other, TWO, guest(3, 100));
    }

    @Test
    void aSnapshotThatIsReadStaysAndWhatIsReadByNobodyGoes() {
        Store store = store("a");
        byte[] memory = guest(4, 500);
        Manifest _ = write(store, ONE, memory);
        try (Snapshot snapshot = store("b").snapshot(ONE)) {
            assertThatThrownBy(() -> store.remove(ONE)).hasMessageContaining("is being read by another process");
            assertReads(snapshot, memory);
        }
        store.remove(ONE);
        Collector.Collected collected = Collector.collect(store);
        assertThat(collected.removedPacks()).isEqualTo(1);
        assertThat(store.place().strangers()).isEmpty();
        assertThatThrownBy(() -> store.snapshot(ONE))
                .hasMessageContaining("There is no snapshot 'web/one' in s3://guests/");
    }

    @Test
    void aReaderGoesOnWhenAPackIsReplacedUnderIt() {
        Store store = store("a");
        byte[] memory = guest(5, 1000);
        byte[] half = Arrays.copyOf(memory, memory.length / 2);
        Manifest _ = write(store, ONE, memory);
        Manifest _ = write(store, TWO, half);
        try (Snapshot snapshot = store("b").snapshot(TWO)) {
            byte[] read = new byte[PAGE];
            snapshot.read(0, 0, 1, read, 0);
            store.remove(ONE);
            assertThat(Collector.collect(store).shrunkPacks()).isEqualTo(1);
            assertReads(snapshot, half);
        }
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    /** Fails each request from one of them on, as a server does that is gone. */
    private static final class Failing implements ExecutionInterceptor {
        private final AtomicInteger left;

        Failing(int requests) {
            left = new AtomicInteger(requests);
        }

        @Override
        public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
            if (left.decrementAndGet() < 0) {
                throw SdkClientException.create("the network is gone");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 6, 8, 9, 10, 12, 15, 18})
    void aBucketThatFailsInTheMiddleLeavesAWholeStore(int requests) {
        byte[] before = guest(6, 200);
        Manifest _ = write(store("a"), ONE, before);
        byte[] memory = guest(7, 300);
        boolean written;
        try {
            Manifest _ = write(Store.open(place("a", new Failing(requests))), TWO, memory);
            written = true;
        } catch (StoreException e) {
            assertThat(e).hasMessageContaining("the network is gone");
            written = false;
        }
        Store again = store("a");
        assertThat(StoreCheck.check(again).damages()).isEmpty();
        try (Snapshot snapshot = again.snapshot(ONE)) {
            assertReads(snapshot, before);
        }
        assertThat(again.snapshots().contains(TWO) || !written).isTrue();
        if (again.snapshots().contains(TWO)) {
            try (Snapshot snapshot = again.snapshot(TWO)) {
                assertReads(snapshot, memory);
            }
        }
    }

    /** Fails what renews the lock, while everything else goes on: so does the first such request, which is a trial. */
    private static final class NoRenewals implements ExecutionInterceptor {
        private final AtomicBoolean tried = new AtomicBoolean();

        @Override
        public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
            SdkHttpRequest request = context.httpRequest();
            if (request.encodedPath().endsWith("/lock")
                    && request.method() == SdkHttpMethod.PUT
                    && request.firstMatchingHeader("If-Match").isPresent()
                    && tried.getAndSet(true)) {
                throw SdkClientException.create("no renewal");
            }
        }
    }

    @Test
    void whoHasLostTheLockPublishesNothingAndTheNextOneWrites() {
        Store slow = Store.openOrCreate(place("a", new NoRenewals()));
        Store next = store("b");
        try (SnapshotWriter writer = slow.write(ONE)) {
            writer.blocks(List.of(new SavedBlock("ram", PAGE, PAGE, OptionalLong.empty())));
            writer.page(0, 0, guest(8, 2), PAGE);
            writeWhenFree(next);
            assertThatThrownBy(() -> writer.finish(Map.of(), Configuration.of("none"), List.of(), ""))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("is lost");
        }
        assertThat(next.snapshots()).containsExactly(TWO);
        assertThat(StoreCheck.check(next).damages()).isEmpty();
    }

    private static void writeWhenFree(Store store) {
        while (true) {
            try {
                Manifest _ = write(store, TWO, guest(9, 10));
                return;
            } catch (StoreException e) {
                assertThat(e).hasMessageContaining("is being written or collected by another process");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"If-None-Match", "If-Match"})
    void aServerWithoutConditionsIsRefused(String header) {
        ExecutionInterceptor without = new ExecutionInterceptor() {
            @Override
            public SdkHttpRequest modifyHttpRequest(Context.ModifyHttpRequest context, ExecutionAttributes attributes) {
                return context.httpRequest().toBuilder().removeHeader(header).build();
            }
        };
        Store store = Store.openOrCreate(place("a", without));
        assertThatThrownBy(() -> store.write(ONE)).hasMessageContaining("does not honour '" + header);
        Manifest _ = write(store("b"), ONE, guest(10, 10));
    }

    @Test
    void aWrongSecretIsToldInASentence() {
        Bucket bucket = new Bucket(address, server.client("wrong", new ExecutionInterceptor() {}));
        assertThatThrownBy(() -> Store.open(new BucketPlace(address, bucket, cache, SHORT)))
                .isInstanceOf(StoreException.class)
                .hasMessage("The bucket of " + address
                        + " does not read store.format: it answers 403, SignatureDoesNotMatch.");
    }

    @Test
    void aPrefixWithSomethingElseIsNoStore() {
        Bucket bucket = new Bucket(address, server.client(new ExecutionInterceptor() {}));
        bucket.putAnyway("readme", new byte[1]);
        assertThatThrownBy(() -> store("a")).hasMessageContaining("is no store, and there is something: readme");
        assertThatThrownBy(() -> Store.open(place("a", new ExecutionInterceptor() {})))
                .hasMessageContaining("is no store: it has no file store.format");
    }
}
