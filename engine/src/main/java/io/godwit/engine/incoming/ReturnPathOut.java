// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.ReturnPathMessage;
import java.nio.ByteBuffer;

/** What this side answers to the source. Silent until the source has opened the return path. Used by {@code mig-incoming} only. */
final class ReturnPathOut implements AutoCloseable {
    private static final int MESSAGE_BYTES = 1024;

    private final Channel channel;
    private final NativeMemory memory = NativeMemory.allocate(MESSAGE_BYTES);
    private final ByteBuffer buffer = memory.buffer(0, MESSAGE_BYTES);
    private boolean open;

    ReturnPathOut(Channel channel) {
        this.channel = channel;
    }

    void open() {
        open = true;
    }

    boolean isOpen() {
        return open;
    }

    void send(ReturnPathMessage message) {
        buffer.clear();
        message.encode(buffer);
        channel.write(memory, 0, buffer.position());
    }

    @Override
    public void close() {
        memory.close();
    }
}
