// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.agreement.Reason;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.ReturnPathMessage;
import java.util.ArrayList;
import java.util.List;

/**
 * The beginning of the guest's life here, the counterpart of the source's switchover: the devices are loaded, the right
 * to run is taken, the guest is started, and the source gets the last word. On {@code mig-incoming}, in this order.
 */
final class Takeover {
    private final IncomingPlan plan;
    private final IncomingProgress progress;
    private final SourceStream stream;
    private long beganNanos;

    Takeover(IncomingPlan plan, IncomingProgress progress, SourceStream stream) {
        this.plan = plan;
        this.progress = progress;
        this.stream = stream;
    }

    /** All that was awaited has come: from here on the guest's pause is this side's. */
    void begin() {
        beganNanos = plan.clock().nanoTime();
    }

    /** Loads the devices; with its memory here the guest is whole then. Returns whether it ran at the source. */
    boolean load(List<DeviceSection> devices) {
        return GuestState.load(plan.guest(), devices);
    }

    /** Loads the devices that came in one piece. Returns whether the guest ran at the source. */
    boolean load(PostcopyPackage pack) {
        if (pack.devices().isPresent()) {
            return GuestState.load(plan.guest(), pack.devices().get());
        }
        plan.guest().acceptOpaqueDevices(pack.deviceBytes());
        return true;
    }

    /**
     * Takes the right to run and starts the guest.
     *
     * @param run whether it ran at the source
     */
    void start(boolean run) {
        long loaded = plan.clock().nanoTime();
        plan.run().claimArrived();
        long claimed = plan.clock().nanoTime();
        plan.run().startArrived(run && plan.guest().guest().isPresent());
        progress.parts = new DowntimeParts(
                0,
                0,
                0,
                0,
                0,
                loaded - beganNanos,
                claimed - loaded,
                plan.clock().nanoTime() - claimed);
    }

    /** The last word to the source: the guest runs here. A source that is gone does not matter any more. */
    void confirm() {
        if (stream.canAnswer()) {
            stream.returnPath().send(new ReturnPathMessage.Shut(0));
        }
    }

    /** The last word to the source: the guest will never run here. */
    void reject(String why) {
        if (stream.canAnswer()) {
            List<ReturnPathMessage> words = new ArrayList<>(Reason.tell(why));
            words.add(new ReturnPathMessage.Shut(1));
            stream.returnPath().send(words);
        }
    }
}
