// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
/**
 * What a precopy decides from its figures: how much of its time the guest loses, and when it is stopped. Pure
 * arithmetic; the running migration and the forecast both use it.
 */
@NullMarked
package io.godwit.engine.policy;

import org.jspecify.annotations.NullMarked;
