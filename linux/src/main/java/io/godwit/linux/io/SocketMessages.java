// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.SocketCalls;
import io.godwit.linux.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Bytes of a unix socket with the descriptors that travel beside them (SCM_RIGHTS of unix(7)). One object for each
 * thread.
 */
public final class SocketMessages implements AutoCloseable {
    /** LIMIT: as many as QEMU takes from one message. */
    public static final int MAX_DESCRIPTORS = 16;

    private static final long IOV = LibcStructs.offset(LibcStructs.MSGHDR, "msg_iov");
    private static final long IOV_COUNT = LibcStructs.offset(LibcStructs.MSGHDR, "msg_iovlen");
    private static final long CONTROL = LibcStructs.offset(LibcStructs.MSGHDR, "msg_control");
    private static final long CONTROL_LENGTH = LibcStructs.offset(LibcStructs.MSGHDR, "msg_controllen");
    private static final long FLAGS = LibcStructs.offset(LibcStructs.MSGHDR, "msg_flags");
    private static final long BASE = LibcStructs.offset(LibcStructs.IOVEC, "iov_base");
    private static final long LENGTH = LibcStructs.offset(LibcStructs.IOVEC, "iov_len");
    private static final long RIGHTS_LENGTH = LibcStructs.offset(LibcStructs.CMSGHDR, "cmsg_len");
    private static final long RIGHTS_LEVEL = LibcStructs.offset(LibcStructs.CMSGHDR, "cmsg_level");
    private static final long RIGHTS_TYPE = LibcStructs.offset(LibcStructs.CMSGHDR, "cmsg_type");
    private static final long RIGHTS_DATA = LibcStructs.CMSGHDR.byteSize();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment message = arena.allocate(LibcStructs.MSGHDR);
    private final MemorySegment vector = arena.allocate(LibcStructs.IOVEC);
    private final MemorySegment control;

    private boolean tooMany;

    /** Room for one message at a time. */
    public SocketMessages() {
        this(MAX_DESCRIPTORS);
    }

    /** The same with room for another number of descriptors. */
    public SocketMessages(int descriptorCount) {
        control = arena.allocate(RIGHTS_DATA + (long) descriptorCount * Integer.BYTES, Long.BYTES);
        message.set(JAVA_LONG, IOV, vector.address());
        message.set(JAVA_LONG, IOV_COUNT, 1);
        message.set(JAVA_LONG, CONTROL, control.address());
    }

    /**
     * Reads at most {@code length} bytes. Descriptors that come with them are added to {@code passed}, whose owner
     * closes them; see {@link #wereTooMany}.
     *
     * @return bytes read; 0 if it would have to wait; -1 at the end of the stream
     */
    public int receive(Descriptor socket, NativeMemory memory, long offset, int length, List<PassedDescriptor> passed) {
        prepare(memory.address(offset, length), length, control.byteSize());
        long result;
        do {
            message.set(JAVA_LONG, CONTROL_LENGTH, control.byteSize());
            result = SocketCalls.recvmsg(socket.number(), message.address(), LibcConstants.MSG_CMSG_CLOEXEC);
        } while (result == -Errno.EINTR.number());
        if (result == -Errno.EAGAIN.number()) {
            return 0;
        }
        if (result < 0) {
            throw NativeException.of("recvmsg", result, socket + ", " + length + " bytes");
        }
        takeDescriptors(passed);
        return result == 0 ? -1 : (int) result;
    }

    private void takeDescriptors(List<PassedDescriptor> passed) {
        tooMany = false;
        if (message.get(JAVA_LONG, CONTROL_LENGTH) < RIGHTS_DATA
                || control.get(JAVA_INT, RIGHTS_LEVEL) != LibcConstants.SOL_SOCKET
                || control.get(JAVA_INT, RIGHTS_TYPE) != LibcConstants.SCM_RIGHTS) {
            return;
        }
        // The kernel has closed what did not fit, and says so.
        tooMany = (message.get(JAVA_INT, FLAGS) & LibcConstants.MSG_CTRUNC) != 0;
        int count = (int) ((control.get(JAVA_LONG, RIGHTS_LENGTH) - RIGHTS_DATA) / Integer.BYTES);
        for (int i = 0; i < count; i++) {
            PassedDescriptor descriptor =
                    PassedDescriptor.received(control.get(JAVA_INT, RIGHTS_DATA + (long) i * Integer.BYTES));
            if (tooMany) {
                descriptor.close();
            } else {
                passed.add(descriptor);
            }
        }
    }

    /**
     * Whether more than {@value #MAX_DESCRIPTORS} descriptors came with what was read last; all of them are closed
     * then.
     */
    public boolean wereTooMany() {
        return tooMany;
    }

    /**
     * Writes at most {@code length} bytes, one at least, with descriptors beside the first.
     *
     * @param numbers of descriptors, which stay the caller's; at most {@value #MAX_DESCRIPTORS}
     * @return bytes written; 0 if it would have to wait
     */
    public int send(Descriptor socket, NativeMemory memory, long offset, int length, List<Integer> numbers) {
        long rights = RIGHTS_DATA + (long) numbers.size() * Integer.BYTES;
        prepare(memory.address(offset, length), length, numbers.isEmpty() ? 0 : rights);
        control.set(JAVA_LONG, RIGHTS_LENGTH, rights);
        control.set(JAVA_INT, RIGHTS_LEVEL, LibcConstants.SOL_SOCKET);
        control.set(JAVA_INT, RIGHTS_TYPE, LibcConstants.SCM_RIGHTS);
        for (int i = 0; i < numbers.size(); i++) {
            control.set(JAVA_INT, RIGHTS_DATA + (long) i * Integer.BYTES, numbers.get(i));
        }
        long result;
        do {
            result = SocketCalls.sendmsg(socket.number(), message.address(), 0);
        } while (result == -Errno.EINTR.number());
        if (result == -Errno.EAGAIN.number()) {
            return 0;
        }
        if (result < 0) {
            throw NativeException.of("sendmsg", result, socket + ", " + length + " bytes");
        }
        return (int) result;
    }

    private void prepare(long address, int length, long controlLength) {
        vector.set(JAVA_LONG, BASE, address);
        vector.set(JAVA_LONG, LENGTH, length);
        message.set(JAVA_LONG, CONTROL_LENGTH, controlLength);
    }

    /** Frees the object's memory. Harmless when repeated. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
