// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** What keeps a store in order: checking, collecting what nobody uses, comparing. */
@NullMarked
package io.godwit.store.care;

import org.jspecify.annotations.NullMarked;
