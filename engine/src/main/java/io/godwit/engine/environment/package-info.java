// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What the engine needs of the process that it runs in: the time.
 */
@NullMarked
package io.godwit.engine.environment;

import org.jspecify.annotations.NullMarked;
