// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.host.MachineHost;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * SIGTERM, SIGINT and SIGHUP at a host. While the guest is in two halves the first of them lets its memory go over
 * before the host ends, for as long as {@code x-drain-timeout} allows; the next one insists.
 */
final class HostSignals {
    private static final System.Logger LOG = System.getLogger(HostSignals.class.getName());
    private static final List<String> NAMES = List.of("TERM", "INT", "HUP");

    // What a shell says of a process that a signal has ended.
    private static final int STATUS_OF_SIGNALS = 128;

    private final MachineHost host;
    private final AtomicBoolean draining = new AtomicBoolean();

    private HostSignals(MachineHost host) {
        this.host = host;
    }

    /** Of one host. */
    static HostSignals of(MachineHost host) {
        return new HostSignals(host);
    }

    /**
     * Takes the place of what Java does at these signals. By reflection, since the compiler warns of {@code sun.misc}
     * and of nothing else would do; without it the host ends at once, as any program.
     */
    void install() {
        try {
            Class<?> signalType = Class.forName("sun.misc.Signal");
            Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
            Object handler = Proxy.newProxyInstance(
                    HostSignals.class.getClassLoader(), new Class<?>[] {handlerType}, (_, method, arguments) -> {
                        Object signal = arguments[0];
                        received(signalType.getMethod("getName").invoke(signal).toString(), (int)
                                signalType.getMethod("getNumber").invoke(signal));
                        return null;
                    });
            for (String name : NAMES) {
                Object signal = signalType.getConstructor(String.class).newInstance(name);
                Object _ =
                        signalType.getMethod("handle", signalType, handlerType).invoke(null, signal, handler);
            }
        } catch (ReflectiveOperationException e) {
            LOG.log(System.Logger.Level.WARNING, "Signals end this host at once, also in postcopy: {0}", e.toString());
        }
    }

    private void received(String name, int number) {
        Optional<String> loss = host.lossAtEnd();
        if (loss.isPresent() && draining.compareAndSet(false, true)) {
            Thread.ofPlatform().daemon().name("host-drain").start(() -> drain(name, number, loss.get()));
            return;
        }
        // The shutdown hook ends the host.
        System.exit(STATUS_OF_SIGNALS + number);
    }

    private void drain(String name, int number, String loss) {
        LOG.log(
                System.Logger.Level.WARNING,
                "SIG{0}: {1} It waits until all memory has gone over, for {2} s at most (x-drain-timeout); another"
                        + " signal ends it at once.",
                name,
                loss,
                host.migration().parameters().drainTimeoutMillis() / 1000);
        try {
            Optional<String> lost =
                    host.awaitNoLoss(still -> LOG.log(System.Logger.Level.WARNING, "Waiting to end: {0}", still));
            LOG.log(
                    System.Logger.Level.WARNING,
                    lost.map(what -> "The time to wait is over, and this host ends. " + what)
                            .orElse("All of the guest's memory has gone over; this host ends."));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        System.exit(STATUS_OF_SIGNALS + number);
    }
}
