// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.engine.Migrator;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.machines.service.ServiceAddress;
import io.godwit.machines.service.ServiceDevice;
import io.godwit.machines.service.ServiceDoor;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.Optional;

/** The device of a guest that is a service, and its door: clients may come while the guest is here. */
final class ServiceHost implements RunControl.Listener, MigrationListener, AutoCloseable {
    private final ServiceDevice device;
    private final RunControl run;
    private volatile Optional<ServiceDoor> door = Optional.empty();

    ServiceHost(ServiceDevice device, RunControl run, Migrator migrator) {
        this.device = device;
        this.run = run;
        device.fencingNumber(run::fencingNumber);
        run.addListener(this);
        migrator.addListener(this);
    }

    void open(SocketAddress address) {
        try {
            door = Optional.of(ServiceDoor.open(device, address));
        } catch (IOException | RuntimeException e) {
            throw new HostException(
                    "The service cannot listen at " + ServiceAddress.format(address) + ": " + e.getMessage() + ".", e);
        }
    }

    Optional<SocketAddress> address() {
        return door.map(ServiceDoor::address);
    }

    @Override
    public void stopped() {
        // It is still here: clients wait.
    }

    @Override
    public void resumed() {
        device.admit();
    }

    @Override
    public void statusChanged(MigrationStatus status) {
        RunState now = run.state();
        boolean left = status == MigrationStatus.COMPLETED && now == RunState.POSTMIGRATE;
        boolean leaves = status == MigrationStatus.POSTCOPY_ACTIVE && now == RunState.FINISH_MIGRATE;
        if (left || leaves) {
            device.refuse();
        }
    }

    @Override
    public void passStarted(int pass) {
        // Clients do not notice.
    }

    @Override
    public void close() {
        door.ifPresent(ServiceDoor::close);
    }
}
