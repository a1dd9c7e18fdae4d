// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Stored guests: what a snapshot's file says, how it is written and read. */
@NullMarked
package io.godwit.store.snapshots;

import org.jspecify.annotations.NullMarked;
