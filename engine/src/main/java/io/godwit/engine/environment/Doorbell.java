// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

/**
 * Wakes the one thread that made it when there is work. Who brings work makes it visible with a volatile write and then
 * rings; the waiting thread says that it will wait, looks for work once more, and sleeps if there is none, so that no
 * ring is lost.
 */
public interface Doorbell {
    /** Wakes the thread if it waits. Any thread; while nobody waits it costs a volatile read. */
    void ring();

    /** From here on {@link #ring} is heard. */
    void prepare();

    /** Sleeps until the bell rings, or rang since {@link #prepare}; at most {@code nanos}, and perhaps shorter. */
    void sleep(long nanos);

    /** Rings are not wanted any more. */
    void done();
}
