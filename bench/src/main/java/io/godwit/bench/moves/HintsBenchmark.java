// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.ArrayList;
import java.util.List;

/**
 * The first pass of a guest of 8 GiB that uses 1 GiB and whose other 7 once held data: as it is, with the guest's hints
 * of what is free, and with a guest that is asked for hints and has none to give.
 */
public final class HintsBenchmark {
    private static final long SECOND = 1_000_000_000L;

    /** Which guest, and whether it is asked. */
    private enum Kind {
        NOT_ASKED("hints off", "ballooner", false),
        ASKED("hints on", "ballooner", true),
        WITHOUT("a guest without hints", "dirtier", true);

        private final String text;
        private final String program;
        private final boolean hints;

        Kind(String text, String program, boolean hints) {
            this.text = text;
            this.program = program;
            this.hints = hints;
        }
    }

    private record Result(Kind kind, Series millis, Series megabytes) {}

    private HintsBenchmark() {}

    /** Measures {@code runs} moves of each kind. */
    public static void run(int runs) throws Exception {
        List<Result> results = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            results.add(new Result(
                    kind,
                    new Series(kind.text + ": first pass", "ms"),
                    new Series(kind.text + ": first pass, of all bytes", "MB")));
        }
        for (int i = 0; i < runs; i++) {
            for (Result result : results) {
                move(result);
            }
        }
        results.forEach(result -> System.out.println(result.millis + "\n" + result.megabytes));
    }

    private static void move(Result result) throws Exception {
        List<String> guest = List.of(
                "--guest",
                "kvm",
                "--memory",
                "8G",
                "--fill",
                "random",
                "--program",
                result.kind.program,
                "--working-set",
                "1G",
                "--dirty-rate",
                "1000");
        HintedMove.run(result.kind.text, guest, result.kind.hints, SECOND, result.millis, result.megabytes);
    }
}
