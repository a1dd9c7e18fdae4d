// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The scripts at the top of the source tree, run as a user runs them. */
@NullMarked
package io.godwit.cli.scripts;

import org.jspecify.annotations.NullMarked;
