// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

/**
 * A page that did not hold what the program wrote there last.
 *
 * @param page guest-physical page number
 * @param expected what the program had written
 * @param found what it found
 */
public record Mismatch(long page, long expected, long found) {
    @Override
    public String toString() {
        return "page %d: expected 0x%x, found 0x%x".formatted(page, expected, found);
    }
}
