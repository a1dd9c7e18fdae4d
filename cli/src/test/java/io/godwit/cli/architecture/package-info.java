// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Rules that hold for the whole source tree: who may depend on whom, and what a source file looks like. */
@NullMarked
package io.godwit.cli.architecture;

import org.jspecify.annotations.NullMarked;
