// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Forms in which others keep guests: what is taken in, and what is given out. */
@NullMarked
package io.godwit.store.images;

import org.jspecify.annotations.NullMarked;
