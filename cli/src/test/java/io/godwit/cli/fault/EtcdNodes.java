// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Members of a cluster of etcd, each in a node of a network. */
final class EtcdNodes implements AutoCloseable {
    private static final long LOOK_NANOS = 50_000_000;

    private final Network network;
    private final int first;
    private final Path directory;
    private final List<Process> members = new ArrayList<>();

    private EtcdNodes(Network network, int first, Path directory) {
        this.network = network;
        this.first = first;
        this.directory = directory;
    }

    /** Starts so many members, in the nodes from {@code first} on; they find each other by themselves. */
    static EtcdNodes start(Network network, int first, int count, Path directory) {
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/etcd")),
                "etcd is not installed (Debian: apt-get install etcd-server, or ./dev peers)");
        EtcdNodes nodes = new EtcdNodes(network, first, directory);
        String cluster = IntStream.range(first, first + count)
                .mapToObj(node -> "m" + node + "=" + nodes.url(node, 2380))
                .collect(Collectors.joining(","));
        for (int node = first; node < first + count; node++) {
            nodes.members.add(nodes.launch(node, cluster));
        }
        for (int node = first; node < first + count; node++) {
            nodes.awaitLeader(node);
        }
        return nodes;
    }

    private String url(int node, int port) {
        return "http://" + network.address(node) + ":" + port;
    }

    /** The arbiter's name for hosts. */
    String arbiter(int ttlSeconds) {
        return IntStream.range(first, first + members.size())
                .mapToObj(node -> network.address(node) + ":2379")
                .collect(Collectors.joining(",", "etcd:", ",ttl=" + ttlSeconds));
    }

    private Process launch(int node, String cluster) {
        List<String> command = new ArrayList<>(network.in(node));
        command.addAll(List.of(
                "etcd",
                "--name=m" + node,
                // Elections that are over within the lease of a test.
                "--heartbeat-interval=100",
                "--election-timeout=500",
                "--data-dir=" + directory.resolve("m" + node),
                "--listen-client-urls=" + url(node, 2379),
                "--advertise-client-urls=" + url(node, 2379),
                "--listen-peer-urls=" + url(node, 2380),
                "--initial-advertise-peer-urls=" + url(node, 2380),
                "--initial-cluster=" + cluster));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log(node).toFile())
                    .start();
            Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
            return process;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path log(int node) {
        return directory.resolve("m" + node + ".log");
    }

    private void awaitLeader(int node) {
        long deadline = System.nanoTime() + Host.PATIENCE.toNanos();
        try {
            while (!Files.readString(log(node)).contains("ready to serve client requests")) {
                assertThat(System.nanoTime() - deadline).as("etcd is ready").isNegative();
                LockSupport.parkNanos(LOOK_NANOS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        members.forEach(Process::destroyForcibly);
    }
}
