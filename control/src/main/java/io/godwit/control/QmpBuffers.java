// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.linux.io.Polling;
import io.godwit.linux.io.SocketMessages;
import io.godwit.linux.memory.NativeMemory;

/**
 * The memory outside of the heap that one connection needs. Freeing such memory stops every thread of the JVM for a
 * moment, vCPUs among them, so a server keeps that of a connection which has ended for the next one.
 */
final class QmpBuffers implements AutoCloseable {
    static final int BYTES = 16 << 10;

    // The reader's.
    final NativeMemory in = NativeMemory.allocate(BYTES);
    final SocketMessages messages = new SocketMessages();
    final Polling readable = new Polling();
    // Whose turn it is to write.
    final NativeMemory out = NativeMemory.allocate(BYTES);
    final Polling writable = new Polling();

    @Override
    public void close() {
        in.close();
        messages.close();
        readable.close();
        out.close();
        writable.close();
    }
}
