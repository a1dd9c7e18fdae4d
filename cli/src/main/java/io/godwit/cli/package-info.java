// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Commands and the progress view. */
@NullMarked
package io.godwit.cli;

import org.jspecify.annotations.NullMarked;
