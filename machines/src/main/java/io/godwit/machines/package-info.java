// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** What both machines share. */
@NullMarked
package io.godwit.machines;

import org.jspecify.annotations.NullMarked;
