// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.QmpAddress;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DiskHookTest {
    private static final Duration LONG = Duration.ofHours(1);

    private static void call(String command, Duration atMost, BooleanSupplier givenUp) {
        new DiskHook(command, atMost).call("one", QmpAddress.parse("unix:/x"), List.of(), givenUp);
    }

    @Test
    void oneThatTakesTooLongIsKilledAndFails() {
        assertThatThrownBy(() -> call("sleep 3000", Duration.ofMillis(100), () -> false))
                .isInstanceOf(CaptureException.class)
                .hasMessageContaining("took longer than 0.1 s, and was killed");
    }

    @Test
    void oneThatNobodyWantsAnyMoreIsKilled() {
        assertThatThrownBy(() -> call("sleep 3000", LONG, () -> true))
                .isInstanceOf(CaptureException.class)
                .hasMessageContaining("given up");
    }

    @Test
    void itsLastLineIsToldInWhateverEncoding() {
        assertThatThrownBy(() -> call("echo first; printf 'no \\377 room\\n'; exit 3", LONG, () -> false))
                .isInstanceOf(CaptureException.class)
                .hasMessageContaining("status 3, and said: no \ufffd room.");
        assertThatCode(() -> call("printf '\\377'", LONG, () -> false)).doesNotThrowAnyException();
    }
}
