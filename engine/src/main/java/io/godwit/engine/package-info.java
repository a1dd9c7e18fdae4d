// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
/** The engine as its embedders see it. */
@NullMarked
package io.godwit.engine;

import org.jspecify.annotations.NullMarked;
