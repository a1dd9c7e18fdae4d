// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import java.time.Duration;

/** A vCPU did not leave the guest in time. The guest goes on where it was. */
public final class VcpuStuckException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names the vCPU and how long it was waited for. */
    public VcpuStuckException(int vcpu, Duration waited) {
        super("vcpu-" + vcpu + " did not stop within " + waited.toMillis()
                + " ms; the guest still runs here. Try again, or look at what the guest is doing; one that arrives by "
                + "postcopy"
                + " may wait for a page");
    }
}
