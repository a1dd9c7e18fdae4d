// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Where a store lies: objects that are written once, and the frame that all of them have. */
@NullMarked
package io.godwit.store.objects;

import org.jspecify.annotations.NullMarked;
