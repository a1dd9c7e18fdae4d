// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Stored guests come to life in QEMUs, whose memory follows on demand. Read {@code Restore} first, then {@code
 * StoredGuest}: a guest that stands still, sent by the engine's own migration.
 */
@NullMarked
package io.godwit.qemu.restore;

import org.jspecify.annotations.NullMarked;
