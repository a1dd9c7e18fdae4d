// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
/**
 * The forecast: will a migration finish, when, and at what price for the guest. Pure arithmetic over what was measured:
 * no threads, no clock, nothing is read or written.
 */
@NullMarked
package io.godwit.engine.forecast;

import org.jspecify.annotations.NullMarked;
