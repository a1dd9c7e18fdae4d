// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** QEMU's migration stream: bytes to records and back. No threads, no sockets, no clock. */
module io.godwit.stream {
    requires static org.jspecify;

    exports io.godwit.stream;
}
