// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Programs of others that Godwit is tested against: QEMU, and a Linux guest for it. Read {@link
 * io.godwit.cli.peer.QemuProcess} first. Deliberately shares no code with Godwit's own QMP client, so that one cannot
 * hide the other's mistakes.
 */
@NullMarked
package io.godwit.cli.peer;

import org.jspecify.annotations.NullMarked;
