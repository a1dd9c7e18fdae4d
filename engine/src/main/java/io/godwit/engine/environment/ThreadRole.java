// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

/** The engine's threads, by what they do. ARCHITECTURE.md says what each owns and what ends it. */
public enum ThreadRole {
    /** Carries out a migration away from here. */
    OUTGOING("mig-outgoing", true),
    /** Syncs within a long pass. */
    WATCH("mig-watch", false),
    /** Reads what the destination says. */
    RETURN_PATH("mig-return-path", false),
    /** Waits for the end of a stream to which nobody answers. */
    FINISH("mig-finish", false),
    /** Takes a guest in. */
    INCOMING("mig-incoming", true),
    /** Lets the source's connections in. */
    DOORMAN("mig-doorman", false),
    /** Hears who needs a page that is missing. */
    FAULTS("uffd-fault", true),
    /** Reads the pages behind the package of postcopy. */
    LISTEN("mig-listen", true),
    /** Reads pages that were asked for. */
    PREEMPT("mig-preempt", true),
    /** Reads epochs of a guest that runs elsewhere. */
    EPOCHS("mig-epochs", true),
    /** Reads requests, answers and heartbeats of the other side of COLO. */
    COMPARE("mig-compare", true),
    /** Sends them. */
    MIRROR("mig-mirror", true),
    /** Copies pages from the cache into the guest, beside the thread that asked for it. */
    FLUSH("mig-flush", false),
    /** Stops a guest that may be unable to stop. */
    STOP("mig-stop", true),
    /** Tries to win back a right to run that was lost. */
    REGAIN("right-to-run", false),
    /** Tells that a token which ends by itself was not renewed in time. */
    LEASE("arbiter-lease", false),
    /** Renews it. */
    RENEWAL("arbiter-renewal", false),
    /** Measures how fast the guest writes. */
    DIRTY_RATE("dirty-rate", false),
    /** Limits what vCPUs write. */
    VCPU_LIMIT("vcpu-limit", false);

    private final String threadName;
    private final boolean keepsProcess;

    ThreadRole(String threadName, boolean keepsProcess) {
        this.threadName = threadName;
        this.keepsProcess = keepsProcess;
    }

    /** How the thread is called in thread dumps and logs. */
    public String threadName() {
        return threadName;
    }

    /** Whether the process waits for its end. */
    public boolean keepsProcess() {
        return keepsProcess;
    }
}
