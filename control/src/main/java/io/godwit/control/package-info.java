// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** QMP. */
@NullMarked
package io.godwit.control;

import org.jspecify.annotations.NullMarked;
