// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The store's face: {@link io.godwit.store.Store} first. The format is described in docs/store.md. */
@NullMarked
package io.godwit.store;

import org.jspecify.annotations.NullMarked;
