// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.objects.DirectoryPlace;
import io.godwit.store.objects.NewObject;
import io.godwit.store.objects.ObjectPlace;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A full pack is made to last while the next one is written. */
@Timeout(120)
class PackSettlerTest {
    @TempDir
    Path directory = Path.of("");

    private final byte[] page = new byte[PageId.PAGE_BYTES];
    private Path root = Path.of("");

    /** What happens before a pack is published. */
    @FunctionalInterface
    private interface Hindrance {
        void before() throws InterruptedException;
    }

    @BeforeEach
    void makeStore() {
        root = directory.resolve("store");
        Store _ = Store.openOrCreate(root);
    }

    /** The store's place, whose objects are hindered on their way. */
    private ObjectPlace place(Hindrance hindrance) {
        ObjectPlace place = DirectoryPlace.of(root);
        return (ObjectPlace) Proxy.newProxyInstance(
                PackSettlerTest.class.getClassLoader(), new Class<?>[] {ObjectPlace.class}, (_, method, arguments) -> {
                    Object made = call(method, place, arguments);
                    return made instanceof NewObject object ? hindered(object, hindrance) : made;
                });
    }

    private static NewObject hindered(NewObject object, Hindrance hindrance) {
        return (NewObject) Proxy.newProxyInstance(
                PackSettlerTest.class.getClassLoader(), new Class<?>[] {NewObject.class}, (_, method, arguments) -> {
                    if (method.getName().equals("publish")) {
                        hindrance.before();
                    }
                    return call(method, object, arguments);
                });
    }

    private static Object call(Method method, Object on, Object[] arguments) throws Throwable {
        try {
            return method.invoke(on, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private long put(PageDeposit deposit, int number) {
        ByteBuffer.wrap(page).putInt(100, number + 1);
        return deposit.put(page, 0);
    }

    private void fillAPack(PageDeposit deposit) {
        for (int i = 0; i <= PackDirectory.MAX_PAGES; i++) {
            assertThat(PlaceNumber.page(put(deposit, i))).isEqualTo(i % PackDirectory.MAX_PAGES);
        }
    }

    @Test
    void aPageOfAPackThatDoesNotLastYetIsFound() {
        CountDownLatch found = new CountDownLatch(1);
        try (PageDeposit deposit = new PageDeposit(place(found::await), 100)) {
            fillAPack(deposit);
            assertThat(put(deposit, 5)).isEqualTo(PlaceNumber.of(1, 5));
            assertThat(deposit.newBytes()).isZero();
            found.countDown();
            deposit.finish();
            assertThat(deposit.identities()).containsOnlyKeys(1, 2);
            assertThat(deposit.newPages()).isEqualTo(PackDirectory.MAX_PAGES + 1);
            assertThat(deposit.newBytes()).isPositive();
        }
    }

    @Test
    void aPackThatCannotBeMadeToLastIsTold() {
        Hindrance full = () -> {
            throw new StoreException("The disk is full.");
        };
        try (PageDeposit deposit = new PageDeposit(place(full), 100)) {
            fillAPack(deposit);
            assertThatThrownBy(deposit::finish)
                    .isInstanceOf(StoreException.class)
                    .hasMessage("The disk is full.");
        }
        assertThat(Packs.numbers(DirectoryPlace.of(root))).isEmpty();
    }
}
