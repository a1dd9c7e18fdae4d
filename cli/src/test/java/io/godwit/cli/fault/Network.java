// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A network of this test's own: nodes with an address each, and a router between them that loses what goes from one to
 * another where it is told to. Who is cut off gets no error: packets vanish, as when a cable is pulled.
 *
 * <p>Each node is a network namespace, which lives as long as a process of this test.
 */
final class Network implements AutoCloseable {
    private final List<Process> nodes = new ArrayList<>();
    private final Process router;

    private Network(Process router) {
        this.router = router;
    }

    /** So many nodes that all reach each other; skips the test where that cannot be had. */
    static Network of(int count) {
        assumeTrue(canBeHad(), "network namespaces are needed: root, unshare, nsenter and ip");
        Network network = new Network(namespace());
        network.inRouter("echo 1 >/proc/sys/net/ipv4/ip_forward");
        for (int node = 0; node < count; node++) {
            Process namespace = namespace();
            network.nodes.add(namespace);
            network.inRouter("ip link add node%d type veth peer name eth0 netns %d && ip link set node%d up"
                    .formatted(node, namespace.pid(), node));
            network.inRouter("ip addr add %s dev node%d".formatted(address(node, 1) + "/24", node));
            run(
                    network.in(node),
                    "ip link set lo up && ip addr add %s dev eth0 && ip link set eth0 up && ip route add default via %s"
                            .formatted(address(node, 2) + "/24", address(node, 1)));
        }
        return network;
    }

    private static boolean canBeHad() {
        try {
            return new ProcessBuilder("unshare", "-n", "nsenter", "--net=/proc/self/ns/net", "ip", "link")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Ends when its standard input does, so at the latest with this test. */
    private static Process namespace() {
        try {
            Process process = new ProcessBuilder("unshare", "-n", "sh", "-c", "echo && exec cat").start();
            assertThat(process.getInputStream().read())
                    .as("the namespace is there")
                    .isEqualTo('\n');
            return process;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String address(int node, int end) {
        return "10.77." + node + "." + end;
    }

    /** Where a node is. */
    String address(int node) {
        return address(node, 2);
    }

    /** What goes before a command that shall run in that node, in the process that is started for it. */
    List<String> in(int node) {
        return inside(nodes.get(node));
    }

    private static List<String> inside(Process namespace) {
        return List.of("nsenter", "--net=/proc/" + namespace.pid() + "/ns/net");
    }

    /** From now on nothing comes from one to the other. */
    void cut(int from, int to) {
        inRouter("ip rule add from %s to %s blackhole".formatted(address(from), address(to)));
    }

    /** Everybody reaches everybody. */
    void mend() {
        inRouter("while ip rule del blackhole 2>/dev/null; do :; done");
    }

    private void inRouter(String script) {
        run(inside(router), script);
    }

    private static void run(List<String> where, String script) {
        List<String> command = new ArrayList<>(where);
        command.addAll(List.of("sh", "-c", script));
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(Host.PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .isTrue();
            assertThat(process.exitValue()).as(script + ": " + said).isZero();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        nodes.forEach(Process::destroyForcibly);
        router.destroyForcibly();
    }
}
