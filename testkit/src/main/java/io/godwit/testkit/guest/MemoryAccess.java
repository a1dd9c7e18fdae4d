// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.linux.memory.NativeMemory;

/** How a test's guest reaches its memory: by Java code, or by native calls, which may wait for a page. */
sealed interface MemoryAccess extends AutoCloseable {
    /** For memory that is all there. */
    static MemoryAccess direct() {
        return new Direct();
    }

    /** For memory whose pages may be missing. */
    static MemoryAccess byDowncalls() {
        return new ByDowncalls(NativeMemory.allocate(2 * Long.BYTES));
    }

    long read(NativeMemory memory, long offset);

    void write(NativeMemory memory, long offset, long value);

    /** Whether a page may be missing. */
    boolean mayWait();

    /** After so many words the guest rests: a native call takes longer. */
    int wordsBetweenRests();

    @Override
    void close();

    /** By Java code. */
    record Direct() implements MemoryAccess {
        @Override
        public long read(NativeMemory memory, long offset) {
            return memory.getLong(offset);
        }

        @Override
        public void write(NativeMemory memory, long offset, long value) {
            memory.putLong(offset, value);
        }

        @Override
        public boolean mayWait() {
            return false;
        }

        @Override
        public int wordsBetweenRests() {
            return 64;
        }

        @Override
        public void close() {}
    }

    /** By native calls, over a word that is always there. */
    record ByDowncalls(NativeMemory register) implements MemoryAccess {
        @Override
        public long read(NativeMemory memory, long offset) {
            NativeMemory.copyByDowncall(memory, offset, register, 0, Long.BYTES);
            return register.getLong(0);
        }

        @Override
        public void write(NativeMemory memory, long offset, long value) {
            register.putLong(Long.BYTES, value);
            NativeMemory.copyByDowncall(register, Long.BYTES, memory, offset, Long.BYTES);
        }

        @Override
        public boolean mayWait() {
            return true;
        }

        @Override
        public int wordsBetweenRests() {
            return 8;
        }

        @Override
        public void close() {
            register.close();
        }
    }
}
