// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The arbiters that a host can be told to use, by their names. */
@NullMarked
package io.godwit.host.arbiter;

import org.jspecify.annotations.NullMarked;
