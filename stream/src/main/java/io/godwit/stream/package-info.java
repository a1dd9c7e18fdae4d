// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The forward stream and the return path. */
@NullMarked
package io.godwit.stream;

import org.jspecify.annotations.NullMarked;
