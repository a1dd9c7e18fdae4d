// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What a migration goes over: this machine's loopback, or an Ethernet of a given speed between two network namespaces,
 * the same for whoever migrates. Each direction of the latter is a token bucket of the kernel's with a queue of 1 MiB.
 * QMP goes over unix sockets and is not slowed.
 */
final class Wire implements AutoCloseable {
    private static final String HERE = "10.71.0.1";
    private static final String THERE = "10.71.0.2";

    private final List<String> enter;
    private final String address;
    private final List<Process> holders;

    private Wire(List<String> enter, String address, List<Process> holders) {
        this.enter = enter;
        this.address = address;
        this.holders = holders;
    }

    /** As fast as the processors are. */
    static Wire loopback() {
        return new Wire(List.of(), "127.0.0.1", List.of());
    }

    /**
     * Whether this process has a network namespace of its own, in which it may build; {@code ./dev bench} makes one
     * where that is allowed.
     */
    static boolean canBeLimited() {
        return Boolean.getBoolean("godwit.own-network");
    }

    /** An Ethernet that carries so much in each direction. */
    static Wire limited(long bytesPerSecond) throws IOException {
        Process holder = new ProcessBuilder("unshare", "-n", "sh", "-c", "echo there; exec sleep infinity").start();
        // Once it has spoken, it lives in its new namespace.
        int _ = holder.getInputStream().read();
        String pid = Long.toString(holder.pid());
        Wire wire = new Wire(List.of("nsenter", "-t", pid, "-n"), THERE, List.of(holder));
        try {
            run(List.of("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", pid));
            setUp(List.of(), "near", HERE, bytesPerSecond);
            setUp(wire.enter, "far", THERE, bytesPerSecond);
            return wire;
        } catch (IOException e) {
            wire.close();
            throw e;
        }
    }

    private static void setUp(List<String> enter, String device, String address, long bytesPerSecond)
            throws IOException {
        run(with(enter, List.of("ip", "address", "add", address + "/24", "dev", device)));
        run(with(enter, List.of("ip", "link", "set", device, "up")));
        String rate = bytesPerSecond * 8 + "bit";
        run(with(
                enter,
                List.of(
                        "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst", "32k", "limit",
                        "1m")));
    }

    /** The command that starts a program at the far end. */
    List<String> there(List<String> command) {
        return with(enter, command);
    }

    /** The far end's address. */
    String address() {
        return address;
    }

    private static List<String> with(List<String> prefix, List<String> command) {
        List<String> all = new ArrayList<>(prefix);
        all.addAll(command);
        return all;
    }

    private static void run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.onExit().join().exitValue() != 0) {
            throw new IOException(String.join(" ", command) + " failed: " + output);
        }
    }

    /** The namespace goes with its last process, and the devices with it. */
    @Override
    public void close() {
        for (Process holder : holders) {
            holder.destroyForcibly();
            var _ = holder.onExit().join();
        }
    }
}
