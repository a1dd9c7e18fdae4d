// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;

/**
 * The descriptors that {@code fd:NAME} may name: those that were passed to this process for a migration, by inheritance
 * (a number) or over a control socket (a name). A process has many others, which are nobody's to send a guest over.
 *
 * <p>Threads: any.
 */
public interface Descriptors {
    /** Any number, for tests and for programs that know what they name; no names. */
    Descriptors ANY_NUMBER = new AnyNumber();

    /**
     * Refuses what {@link #take} would not find now. Changes nothing.
     *
     * @param name what stands behind {@code fd:}
     * @throws MigrationException.Refused saying which descriptors there are, or how to pass one
     */
    void refuseUnknown(String name);

    /**
     * Gives a descriptor to the caller, who closes it. It is known no longer.
     *
     * @throws MigrationException.Refused as {@link #refuseUnknown}
     */
    Descriptor take(String name);

    /** See {@link #ANY_NUMBER}. */
    final class AnyNumber implements Descriptors {
        private AnyNumber() {}

        @Override
        public void refuseUnknown(String name) {
            int _ = number(name);
        }

        @Override
        public Descriptor take(String name) {
            try {
                return Descriptor.adopt(number(name));
            } catch (NativeException e) {
                throw new MigrationException.Refused("fd:" + name + " cannot be used: " + e.getMessage(), e);
            }
        }

        private static int number(String name) {
            try {
                return Integer.parseUnsignedInt(name);
            } catch (NumberFormatException e) {
                throw new MigrationException.Refused("no descriptor was passed under the name '" + name + "'", e);
            }
        }
    }
}
