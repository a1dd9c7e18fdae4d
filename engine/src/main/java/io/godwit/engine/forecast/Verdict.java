// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/** Whether a migration will come to its end. */
public sealed interface Verdict {
    /** Also with the guest at its busiest and the wire at its slowest. */
    record WillFinish() implements Verdict {}

    /**
     * Not even with the guest at its calmest.
     *
     * @param reason a sentence with the numbers
     */
    record WillNotFinish(String reason) implements Verdict {}

    /**
     * It depends on what cannot be told from what was measured.
     *
     * @param reason a sentence with the numbers
     */
    record Uncertain(String reason) implements Verdict {}

    /** In one word for tables and programs. */
    default String word() {
        return switch (this) {
            case WillFinish _ -> "will-finish";
            case WillNotFinish _ -> "will-not-finish";
            case Uncertain _ -> "uncertain";
        };
    }
}
