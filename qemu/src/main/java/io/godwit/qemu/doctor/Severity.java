// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

/** How much a finding matters. The worst comes last. */
public enum Severity {
    /** Good to know: nothing has to be done. */
    NOTE(0),
    /** It may go wrong, or cost more than one thinks. */
    RISK(1),
    /** The migration would fail. */
    STOPS(2);

    private final int exitStatus;

    Severity(int exitStatus) {
        this.exitStatus = exitStatus;
    }

    /** What a command ends with that found nothing worse. */
    public int exitStatus() {
        return exitStatus;
    }
}
