// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemoryLayout;
import org.junit.jupiter.api.Test;

class IoctlTest {
    @Test
    void numbersAreBuiltAsTheKernelBuildsThem() {
        assertThat(Ioctl.none(0xae, 0x80)).isEqualTo(0xae80L);
        assertThat(Ioctl.write('T', 0x31, JAVA_INT)).isEqualTo(0x40045431L);
        assertThat(Ioctl.read('T', 0x30, JAVA_INT)).isEqualTo(0x80045430L);
        assertThat(Ioctl.readWrite(0xaa, 0x3f, MemoryLayout.sequenceLayout(3, JAVA_LONG)))
                .isEqualTo(0xc018aa3fL);
    }

    @Test
    void layoutOfAnotherSizeIsRefusedWithBothNumbers() {
        assertThatThrownBy(() -> Ioctl.checked("UFFDIO_API", 0xc018aa3fL, Ioctl.readWrite(0xaa, 0x3f, JAVA_LONG)))
                .isInstanceOf(ExceptionInInitializerError.class)
                .hasMessageContainingAll("UFFDIO_API", "0xc018aa3f", "0xc008aa3f", "8 bytes");
    }

    @Test
    void argumentTooLargeForItsFieldIsRefused() {
        assertThatThrownBy(() -> Ioctl.read(1, 1, MemoryLayout.sequenceLayout(1 << 14, JAVA_BYTE)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("16384");
    }
}
