// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What a Godwit agrees on with the peer of a migration beyond QEMU's protocol. Each agreement is a question by an
 * ordinary PING, which only a Godwit answers in full; towards a QEMU none is in force.
 */
@NullMarked
package io.godwit.engine.agreement;

import org.jspecify.annotations.NullMarked;
