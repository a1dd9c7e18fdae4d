// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** How long others waited because of a migration: counted as it happens, told in statistics and to JFR. */
@NullMarked
package io.godwit.engine.waits;

import org.jspecify.annotations.NullMarked;
