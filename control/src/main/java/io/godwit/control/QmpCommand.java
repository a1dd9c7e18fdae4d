// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.util.List;

/**
 * One command: a row of the table in {@link QmpCommands}.
 *
 * @param name as clients call it
 * @param arguments the names of its arguments; others are refused before the handler is called
 * @param changes whether it must not run beside others that change something
 * @param handler carries it out
 * @param help what it does, for people
 */
record QmpCommand(String name, List<String> arguments, boolean changes, Handler handler, String help) {
    /** Carries a command out. */
    @FunctionalInterface
    interface Handler {
        /**
         * The answer.
         *
         * @throws QmpException for what QMP itself refuses; what the host refuses comes as the exception it threw
         */
        Json.Written answer(QmpArguments arguments, QmpCaller caller);
    }

    /** The answer, after the names of the arguments have been checked. */
    Json.Written execute(QmpArguments given, QmpCaller caller) {
        given.rejectOthersThan(arguments);
        return handler.answer(given, caller);
    }
}
