// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.Locale;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What happens in a demonstration of COLO. */
final class ProtectionArguments {
    /** Checkpoints before the one in which a host is killed. */
    static final int CHECKPOINTS_BEFORE = 3;

    private static final int DEFAULT_SECONDS = 3;
    private static final int MAX_SECONDS = 3600;

    /** Which host ends without a word. */
    enum Victim {
        PRIMARY,
        SECONDARY,
        /** Whichever is killed from outside. */
        YOURS;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** When; seconds after the guest is protected, or inside a checkpoint. */
    record Moment(OptionalInt seconds) {
        static final class Reading implements ITypeConverter<Moment> {
            @Override
            public Moment convert(String text) {
                if (text.equals("checkpoint")) {
                    return new Moment(OptionalInt.empty());
                }
                if (!text.matches("\\d{1,4}") || Integer.parseInt(text) > MAX_SECONDS) {
                    throw new TypeConversionException(
                            "'" + text + "' is neither 'checkpoint' nor a number of seconds up to " + MAX_SECONDS);
                }
                return new Moment(OptionalInt.of(Integer.parseInt(text)));
            }
        }
    }

    @Option(
            names = "--kill",
            paramLabel = "WHICH",
            description = "With --mode colo, the host that is killed: primary, secondary, or yours, the one that you"
                    + " kill (default: primary).")
    private @Nullable Victim victim;

    @Option(
            names = "--kill-at",
            paramLabel = "WHEN",
            converter = Moment.Reading.class,
            description = "With --mode colo, when: so many seconds after protection began, or checkpoint: inside the"
                    + " first one after the third (default: " + DEFAULT_SECONDS + ").")
    private @Nullable Moment moment;

    @Option(
            names = "--periodic",
            description = "With --mode colo, let the secondary's guest stand still: answers are not compared, but held"
                    + " until a checkpoint is in, every 25 ms.")
    private boolean periodic;

    boolean areGiven() {
        return victim != null || moment != null || periodic;
    }

    Victim victim() {
        return victim == null ? Victim.PRIMARY : victim;
    }

    Moment moment() {
        return moment == null ? new Moment(OptionalInt.of(DEFAULT_SECONDS)) : moment;
    }

    boolean isPeriodic() {
        return periodic;
    }
}
