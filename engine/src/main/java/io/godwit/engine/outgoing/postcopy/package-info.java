// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What follows the switch to postcopy: the push, pages that the destination asks for, recovery, safety.
 *
 * <p>Read {@code Postcopy} first. Runs on {@code mig-outgoing} but what {@code ReturnPath} calls on {@code
 * mig-return-path}: {@code PageRequests}, which with preempt sends requested pages from there, and the answering half
 * of {@code PushWindow}.
 */
@NullMarked
package io.godwit.engine.outgoing.postcopy;

import org.jspecify.annotations.NullMarked;
