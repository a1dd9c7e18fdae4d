// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.io.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class NativeExceptionTest {
    @Test
    void messageHasCallErrnoNumberAndArguments() {
        NativeException failure = NativeException.of("ioctl(KVM_CREATE_VM)", -16, "fd 7, type 0");
        assertThat(failure)
                .hasMessage("ioctl(KVM_CREATE_VM) failed: EBUSY (16, device or resource busy) [fd 7, type 0]");
        assertThat(failure.errno()).isEqualTo(Errno.EBUSY);
        assertThat(failure.call()).isEqualTo("ioctl(KVM_CREATE_VM)");
    }

    @Test
    void messageWithoutArgumentsHasNoBrackets() {
        assertThat(new NativeException("eventfd", 24, ""))
                .hasMessage("eventfd failed: EMFILE (24, too many open files)");
    }

    @Test
    void unknownNumberIsKept() {
        NativeException failure = new NativeException("read", 4095, "");
        assertThat(failure.errno()).isEqualTo(Errno.UNKNOWN);
        assertThat(failure.errorNumber()).isEqualTo(4095);
        assertThat(failure).hasMessageContaining("4095");
    }

    @Test
    void everyErrnoIsFoundByItsNumber() {
        assertThat(Errno.values())
                .allSatisfy(errno -> assertThat(Errno.of(errno.number())).isEqualTo(errno));
        assertThat(Errno.of(-1)).isEqualTo(Errno.UNKNOWN);
    }

    @Test
    void failedCallNamesItsPath() {
        assertThatThrownBy(() -> Files.openForRead(Path.of("/nonexistent/file"), 0))
                .isInstanceOf(NativeException.class)
                .hasMessageContainingAll("open", "ENOENT", "/nonexistent/file");
    }
}
