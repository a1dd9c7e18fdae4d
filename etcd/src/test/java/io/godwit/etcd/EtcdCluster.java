// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Members of a cluster of Debian's etcd on this machine, which a test kills and stops. */
final class EtcdCluster implements AutoCloseable {
    private static final Duration START_PATIENCE = Duration.ofSeconds(60);

    private final Path directory;
    private final List<Integer> clientPorts;
    private final List<Integer> peerPorts;
    private final List<String> options;
    private final String access;
    private final List<Process> members = new ArrayList<>();

    private EtcdCluster(Path directory, int count, String access, List<String> options) {
        this.directory = directory;
        this.access = access;
        this.options = options;
        List<Integer> ports = freePorts(2 * count);
        clientPorts = ports.subList(0, count);
        peerPorts = ports.subList(count, 2 * count);
    }

    /** Starts so many members and waits until they work together. */
    static EtcdCluster start(Path directory, int count, String... options) {
        return start(directory, count, "", List.of(options));
    }

    /** The same with TLS, for clients with certificates only: of {@code member} for members, {@code host} for hosts. */
    static EtcdCluster startSecure(Path directory, int count, TestCertificates certificates) {
        String ca = certificates.certificate("ca").toString();
        return start(
                directory,
                count,
                ",ca=" + ca + ",cert=" + certificates.certificate("host") + ",key=" + certificates.key("host"),
                List.of(
                        "--cert-file=" + certificates.certificate("member"),
                        "--key-file=" + certificates.key("member"),
                        "--client-cert-auth",
                        "--trusted-ca-file=" + ca));
    }

    private static EtcdCluster start(Path directory, int count, String access, List<String> options) {
        assumeTrue(
                List.of("/usr/bin/etcd", "/usr/local/bin/etcd").stream()
                        .anyMatch(path -> Files.isExecutable(Path.of(path))),
                "etcd is not installed (Debian: apt-get install etcd-server, or ./dev peers)");
        EtcdCluster cluster = new EtcdCluster(directory, count, access, options);
        IntStream.range(0, count).forEach(member -> cluster.members.add(cluster.launch(member)));
        cluster.awaitAnswer();
        return cluster;
    }

    int clientPort(int member) {
        return clientPorts.get(member);
    }

    /** The place that an arbiter is opened with. */
    String place(int ttlSeconds) {
        return addresses() + access + ",ttl=" + ttlSeconds;
    }

    /** Where its members are. */
    String addresses() {
        return clientPorts.stream().map(port -> "127.0.0.1:" + port).collect(Collectors.joining(","));
    }

    int size() {
        return members.size();
    }

    void kill(int member) {
        members.get(member).destroyForcibly();
        try {
            int _ = members.get(member).waitFor();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    void restart(int member) {
        members.set(member, launch(member));
    }

    void signal(String name, int member) {
        try {
            int status = new ProcessBuilder(
                            "kill",
                            "-" + name,
                            Long.toString(members.get(member).pid()))
                    .start()
                    .waitFor();
            if (status != 0) {
                throw new AssertionError("kill -" + name + " ended with " + status);
            }
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** A claim shows that there is a leader. */
    private void awaitAnswer() {
        long begin = System.nanoTime();
        try (Arbiter arbiter = new EtcdArbiters().open(place(5))) {
            while (true) {
                try {
                    Arbiter.Claim _ = arbiter.claim(UUID.randomUUID(), Duration.ZERO);
                    return;
                } catch (ArbiterException e) {
                    if (String.valueOf(e.getMessage()).contains("space exceeded")) {
                        return;
                    }
                    if (System.nanoTime() - begin > START_PATIENCE.toNanos()) {
                        throw e;
                    }
                }
            }
        }
    }

    private Process launch(int member) {
        String peers = IntStream.range(0, peerPorts.size())
                .mapToObj(i -> "m" + i + "=http://127.0.0.1:" + peerPorts.get(i))
                .collect(Collectors.joining(","));
        String client = (access.isEmpty() ? "http" : "https") + "://127.0.0.1:" + clientPorts.get(member);
        String peer = "http://127.0.0.1:" + peerPorts.get(member);
        List<String> command = new ArrayList<>(List.of(
                "etcd",
                "--name=m" + member,
                // Elections that are over within the lease of a test.
                "--heartbeat-interval=100",
                "--election-timeout=500",
                "--data-dir=" + directory.resolve("m" + member),
                "--listen-client-urls=" + client,
                "--advertise-client-urls=" + client,
                "--listen-peer-urls=" + peer,
                "--initial-advertise-peer-urls=" + peer,
                "--initial-cluster=" + peers));
        command.addAll(options);
        try {
            return new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            directory.resolve("m" + member + ".log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Integer> freePorts(int count) {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            List<Integer> ports =
                    sockets.stream().map(ServerSocket::getLocalPort).toList();
            for (ServerSocket socket : sockets) {
                socket.close();
            }
            return ports;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        for (Process member : members) {
            member.destroyForcibly();
            try {
                boolean _ = member.waitFor(10, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }
}
