// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

/**
 * Hears the checkpoints of {@link ColoReader}, in order, on the thread that feeds it. Their pages go where those of the
 * stream go, see {@link StreamListener}.
 */
public interface ColoListener {
    /** A checkpoint is wanted: the guest is to be stopped. Its pages come next. */
    void checkpointRequested();

    /** All its pages have come. */
    void memoryEnded();

    /** The checkpoint is whole: these are its devices. */
    void devicesArrived(Bytes deviceBytes);
}
