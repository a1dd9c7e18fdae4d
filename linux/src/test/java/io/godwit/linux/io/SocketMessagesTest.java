// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SocketMessagesTest {
    private static final int BYTES = 64;

    private final Sockets.Pair pair = Sockets.pair();
    private final Pipes.Pair pipe = Pipes.pair();
    private final NativeMemory memory = NativeMemory.allocate(BYTES);
    private final SocketMessages messages = new SocketMessages();
    private final List<PassedDescriptor> passed = new ArrayList<>();

    @AfterEach
    void close() {
        passed.forEach(PassedDescriptor::close);
        messages.close();
        memory.close();
        pipe.close();
        pair.close();
    }

    private int send(int length, int descriptorCount) {
        return messages.send(
                pair.first(),
                memory,
                0,
                length,
                Collections.nCopies(descriptorCount, pipe.readEnd().number()));
    }

    private int receive() {
        return messages.receive(pair.second(), memory, 0, BYTES, passed);
    }

    @Test
    void aDescriptorArrivesWithItsBytesAndIsTheSameOpenFile() {
        memory.putByte(0, (byte) 7);
        assertThat(send(3, 1)).isEqualTo(3);
        memory.putByte(0, (byte) 0);
        assertThat(receive()).isEqualTo(3);
        assertThat(memory.getByte(0)).isEqualTo((byte) 7);
        assertThat(passed).hasSize(1);
        assertThat(passed.getFirst().number()).isNotEqualTo(pipe.readEnd().number());
        assertThat(Libc.fcntl(passed.getFirst().number(), LibcConstants.F_GETFD, 0))
                .isEqualTo(LibcConstants.FD_CLOEXEC);
        pipe.writeEnd().write(memory, 0, 5);
        try (Descriptor taken = passed.getFirst().take()) {
            assertThat(taken.read(memory, 0, BYTES)).isEqualTo(5);
        }
        assertThat(passed.getFirst().toString()).isEqualTo("fd gone");
    }

    @Test
    void bytesWithoutDescriptorsComeAsTheyAre() {
        assertThat(receive()).isZero();
        assertThat(send(4, 0)).isEqualTo(4);
        assertThat(receive()).isEqualTo(4);
        assertThat(passed).isEmpty();
        pair.first().shutdownOutput();
        assertThat(receive()).isEqualTo(-1);
    }

    @Test
    void moreThanFitAreAllClosed() throws IOException {
        assertThat(send(1, SocketMessages.MAX_DESCRIPTORS)).isEqualTo(1);
        assertThat(receive()).isEqualTo(1);
        assertThat(passed).hasSize(SocketMessages.MAX_DESCRIPTORS);
        assertThat(messages.wereTooMany()).isFalse();
        passed.forEach(PassedDescriptor::close);
        passed.clear();
        long before = openDescriptors();
        try (SocketMessages greedy = new SocketMessages(SocketMessages.MAX_DESCRIPTORS + 1)) {
            assertThat(greedy.send(
                            pair.first(),
                            memory,
                            0,
                            2,
                            Collections.nCopies(
                                    SocketMessages.MAX_DESCRIPTORS + 1,
                                    pipe.readEnd().number())))
                    .isEqualTo(2);
        }
        assertThat(receive()).isEqualTo(2);
        assertThat(passed).isEmpty();
        assertThat(messages.wereTooMany()).isTrue();
        assertThat(openDescriptors()).isEqualTo(before);
        assertThat(send(1, 1)).isEqualTo(1);
        assertThat(receive()).isEqualTo(1);
        assertThat(messages.wereTooMany()).isFalse();
    }

    @Test
    void aThousandLeaveNothingBehind() throws IOException {
        long before = openDescriptors();
        for (int i = 0; i < 1000; i++) {
            assertThat(send(1, 2)).isEqualTo(1);
            assertThat(receive()).isEqualTo(1);
            try (PassedDescriptor copy = passed.getFirst().duplicate();
                    Descriptor used = passed.getFirst().take()) {
                assertThat(copy.number()).isNotEqualTo(used.number());
            }
            passed.forEach(PassedDescriptor::close);
            passed.clear();
        }
        assertThat(openDescriptors()).isEqualTo(before);
    }

    @Test
    void whatIsNotOpenWasNotInherited() {
        assertThatThrownBy(() -> PassedDescriptor.inherited(1_000_000))
                .isInstanceOf(NativeException.class)
                .hasMessageContaining("EBADF");
    }

    private static long openDescriptors() throws IOException {
        try (var all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }
}
