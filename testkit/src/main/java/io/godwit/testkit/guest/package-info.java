// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Guests made for tests: they do what a test wants, fail where it wants, and check their own memory. */
@NullMarked
package io.godwit.testkit.guest;

import org.jspecify.annotations.NullMarked;
