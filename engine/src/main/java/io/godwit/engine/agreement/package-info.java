// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What a Godwit agrees on with the peer of a migration beyond QEMU's protocol: each {@link
 * io.godwit.engine.agreement.Extension} is a question by an ordinary PING, which only a Godwit answers in full. Towards
 * a QEMU none is in force. Another extension is added here, and used where its subject is.
 */
@NullMarked
package io.godwit.engine.agreement;

import org.jspecify.annotations.NullMarked;
