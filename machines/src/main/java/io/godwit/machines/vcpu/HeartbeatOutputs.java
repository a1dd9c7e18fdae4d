// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.engine.guest.Outputs;
import java.util.List;

/** All that our guests tell the world: their beats. A beat that was held is heard at the moment of its release. */
final class HeartbeatOutputs implements Outputs {
    private final List<Heartbeat> vcpus;
    private long epoch;

    HeartbeatOutputs(List<Heartbeat> vcpus) {
        this.vcpus = vcpus;
    }

    @Override
    public void hold() {
        epoch = 0;
        vcpus.forEach(vcpu -> vcpu.held().hold());
    }

    @Override
    public long closeEpoch() {
        epoch++;
        vcpus.forEach(vcpu -> vcpu.held().closeEpoch(epoch));
        return epoch;
    }

    @Override
    public void release(long upTo) {
        for (Heartbeat vcpu : vcpus) {
            vcpu.heard(System.nanoTime(), vcpu.held().release(upTo));
        }
    }

    @Override
    public void passThrough() {
        for (Heartbeat vcpu : vcpus) {
            vcpu.heard(System.nanoTime(), vcpu.held().end());
        }
    }

    @Override
    public void drop() {
        for (Heartbeat vcpu : vcpus) {
            long _ = vcpu.held().end();
        }
    }

    @Override
    public long heldCount() {
        return vcpus.stream().mapToLong(vcpu -> vcpu.held().count()).sum();
    }
}
