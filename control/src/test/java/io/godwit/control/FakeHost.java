// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.MigrationControl;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import io.godwit.host.GuestFigures;
import io.godwit.host.HostControl;
import io.godwit.host.MemoryControl;
import io.godwit.host.PassedDescriptors;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;

/** A host that only remembers what it was told. */
final class FakeHost implements HostControl, MigrationControl {
    final List<String> calls = new CopyOnWriteArrayList<>();
    final BlockingQueue<String> answered = new LinkedBlockingQueue<>();
    final List<MigrationListener> migrationListeners = new CopyOnWriteArrayList<>();
    volatile Optional<String> whyStill = Optional.empty();
    final List<RunControl.Listener> runListeners = new CopyOnWriteArrayList<>();
    final CountDownLatch quit = new CountDownLatch(1);
    final PassedDescriptors descriptors = new PassedDescriptors();
    volatile Optional<String> loss = Optional.empty();
    volatile RunState state = RunState.RUNNING;
    volatile MigrationStatistics statistics = MigrationStatistics.NONE;
    volatile DirtyRate dirtyRate = DirtyRate.NONE;
    volatile List<VcpuDirtyLimit> limits = List.of();
    volatile MigrationParameters parameters = MigrationParameters.DEFAULTS;
    volatile Set<Capability> capabilities = EnumSet.of(Capability.RETURN_PATH);

    @Override
    public MemoryControl memory() {
        throw new MigrationException.Refused("this host has no memory");
    }

    @Override
    public RunState runState() {
        return state;
    }

    @Override
    public Optional<String> whyStill() {
        return whyStill;
    }

    @Override
    public void stop() {
        state = RunState.PAUSED;
        runListeners.forEach(RunControl.Listener::stopped);
    }

    @Override
    public void cont() {
        state = RunState.RUNNING;
        runListeners.forEach(RunControl.Listener::resumed);
    }

    @Override
    public void quit() {
        quit.countDown();
    }

    @Override
    public Optional<String> lossAtEnd() {
        return loss;
    }

    @Override
    public void migrate(String uri) {
        calls.add("migrate " + uri);
        if (uri.startsWith("foo:")) {
            throw new MigrationException.Refused("unknown migration protocol: " + uri);
        }
        if (uri.startsWith("bug:")) {
            throw new IllegalStateException("a bug");
        }
    }

    @Override
    public void migrateIncoming(String uri, boolean exitOnError) {
        calls.add("migrate-incoming " + uri + " " + exitOnError);
    }

    @Override
    public void commandTook(String name, long nanos) {
        answered.add(name);
    }

    @Override
    public void startPostcopy() {
        calls.add("start-postcopy");
    }

    @Override
    public void failOver() {
        throw MigrationException.Refused.noFailover(statistics.status());
    }

    @Override
    public void pausePostcopy() {
        calls.add("pause");
    }

    @Override
    public void recover(String uri) {
        calls.add("recover " + uri);
    }

    @Override
    public void resume(String uri) {
        calls.add("resume " + uri);
    }

    @Override
    public void cancel() {
        calls.add("cancel");
    }

    @Override
    public void continueFrom(MigrationStatus status) {
        calls.add("continue " + status.publicName());
    }

    @Override
    public MigrationStatistics statistics() {
        return statistics;
    }

    @Override
    public void calcDirtyRate(DirtyRateRequest request) {
        calls.add(request.toString());
    }

    @Override
    public DirtyRate dirtyRate() {
        return dirtyRate;
    }

    @Override
    public void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond) {
        calls.add("limit " + vcpu + " " + mebibytesPerSecond);
    }

    @Override
    public void cancelVcpuDirtyLimit(OptionalLong vcpu) {
        calls.add("cancel limit " + vcpu);
    }

    @Override
    public List<VcpuDirtyLimit> vcpuDirtyLimits() {
        return limits;
    }

    @Override
    public MigrationParameters parameters() {
        return parameters;
    }

    @Override
    public void setParameters(MigrationParameters next) {
        parameters = next;
    }

    @Override
    public Set<Capability> capabilities() {
        return capabilities;
    }

    @Override
    public void setCapabilities(Set<Capability> on, Set<Capability> off) {
        EnumSet<Capability> next = EnumSet.copyOf(capabilities);
        next.addAll(on);
        next.removeAll(off);
        capabilities = next;
    }

    @Override
    public void addListener(MigrationListener listener) {
        migrationListeners.add(listener);
    }

    @Override
    public void addRunListener(RunControl.Listener listener) {
        runListeners.add(listener);
    }

    @Override
    public PassedDescriptors descriptors() {
        return descriptors;
    }

    @Override
    public MigrationControl migration() {
        return this;
    }

    @Override
    public GuestFigures guestFigures(GuestFigures.HeartbeatQuery query) {
        throw new MigrationException.Refused("this host has no guest");
    }

    @Override
    public PageDigests ramDigest() {
        throw new MigrationException.Refused("this host has no guest");
    }
}
