// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Memory that arrives before the guest does, straight into its place: nothing runs here yet. */
@NullMarked
package io.godwit.engine.incoming.precopy;

import org.jspecify.annotations.NullMarked;
