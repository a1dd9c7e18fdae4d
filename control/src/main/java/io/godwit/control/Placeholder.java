// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

/** Placeholder. */
public final class Placeholder {
    private Placeholder() {}
}
