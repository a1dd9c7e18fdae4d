// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Pages by their content: packs of compressed pages, and the index that finds a page by its hash. */
@NullMarked
package io.godwit.store.pages;

import org.jspecify.annotations.NullMarked;
