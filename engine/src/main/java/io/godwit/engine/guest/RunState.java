// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

/** What a guest is doing, by QEMU's public names ({@code query-status}). */
public enum RunState {
    /** Made, never run. */
    PRELAUNCH("prelaunch"),
    /** Waiting for a guest to arrive. */
    INMIGRATE("inmigrate"),
    /** Its vCPUs run. */
    RUNNING("running"),
    /** Stopped by {@code stop}, or because nobody knows who owns it. */
    PAUSED("paused"),
    /** Stopped for the switchover; the engine decides what comes next. */
    FINISH_MIGRATE("finish-migrate"),
    /** Stopped for a checkpoint of COLO, or a secondary that stands still. */
    COLO("colo"),
    /** Handed over: the guest lives elsewhere, this is its shell. */
    POSTMIGRATE("postmigrate"),
    /** It cannot go on, for a reason the log tells. */
    INTERNAL_ERROR("internal-error"),
    /** Ended. */
    SHUTDOWN("shutdown");

    private final String publicName;

    RunState(String publicName) {
        this.publicName = publicName;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }
}
