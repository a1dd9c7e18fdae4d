// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What the engine needs of the process that it runs in: the time, threads, ways to wait. The port at which a simulation
 * takes the engine over.
 */
@NullMarked
package io.godwit.engine.environment;

import org.jspecify.annotations.NullMarked;
