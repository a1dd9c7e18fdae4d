// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The stream to the destination, and what it answers: records, pages, the way back.
 *
 * <p>Read {@code OutgoingWire} and {@code RamSender} first. Runs on {@code mig-outgoing} but {@code ReturnPath}, which
 * the thread {@code mig-return-path} feeds.
 */
@NullMarked
package io.godwit.engine.outgoing.wire;

import org.jspecify.annotations.NullMarked;
