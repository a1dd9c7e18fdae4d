// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.ByteArrayOutputStream;
import java.io.IOException;

/**
 * A line that goes out to a client. Its memory stays for the next one, so that an answer costs none. Threads: one at a
 * time.
 */
final class QmpLine extends ByteArrayOutputStream {
    private static final int FIRST_BYTES = 1024;

    QmpLine() {
        super(FIRST_BYTES);
    }

    /** Makes it the line of this value. */
    void set(Json.Written value) {
        reset();
        Json.write(value, this);
        write('\r');
        write('\n');
    }

    /** Sends it. */
    void sendTo(QmpSocket socket) throws IOException {
        socket.write(buf, count);
    }
}
