// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The hosts of one test, all of which are dead when it ends. One destination is always started ahead, so that nobody
 * waits for it.
 */
final class Lab implements AutoCloseable {
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final Path directory;
    private final List<String> guest;
    private final List<Host> hosts = new ArrayList<>();
    private Optional<Host> spare = Optional.empty();

    /**
     * Hosts for guests of one sort.
     *
     * @param guest arguments of {@code godwit host}
     */
    Lab(Path directory, List<String> guest) {
        this.directory = directory;
        this.guest = guest;
    }

    /** A new seed, which is printed so that a failure can be repeated by putting it here. */
    static SplittableRandom seeded(String what) {
        long seed = System.nanoTime();
        System.out.println(what + ": seed " + seed);
        return new SplittableRandom(seed);
    }

    /** Skips the test where a guest cannot run before its memory has come. */
    static void needsUserfaultfd() {
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER_AND_KERNEL);
        assumeThat(support).as("userfaultfd is needed: " + support).isEqualTo(new Support.Available());
    }

    /** Skips the test where guests of this kind cannot run. */
    static void needs(String kind) {
        if (kind.equals("kvm")) {
            assumeThat(Machines.choose(GuestKind.AUTO).kind())
                    .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                    .isEqualTo(GuestKind.KVM);
        }
    }

    /** Moves the guest before its memory: it runs at the destination, and much is missing there. */
    static void switchOver(Host source, Host destination) {
        source.migrate("tcp:127.0.0.1:" + destination.listen());
        source.ask("migrate-start-postcopy");
        assertThat(source.await("postcopy-active"))
                .as(() -> source.lastWords() + source.error())
                .isEqualTo("postcopy-active");
        assertThat(destination.await("postcopy-active"))
                .as(destination::lastWords)
                .isEqualTo("postcopy-active");
    }

    /** Cuts the connection on purpose. */
    static void pause(Host which, Host source, Host destination) {
        which.ask("migrate-pause");
        awaitPaused(source, destination);
    }

    /** Waits until both sides have lost the connection. */
    static void awaitPaused(Host source, Host destination) {
        assertThat(source.await("postcopy-paused")).isEqualTo("postcopy-paused");
        assertThat(destination.await("postcopy-paused")).isEqualTo("postcopy-paused");
    }

    /** Both sides go on over a new connection. */
    static void recover(Host source, Host destination) {
        source.resume("tcp:127.0.0.1:" + destination.listenAgain());
        assertThat(source.await("postcopy-active")).isEqualTo("postcopy-active");
    }

    /** A host with a running guest. */
    Host source(String... more) {
        List<String> arguments = new ArrayList<>(guest);
        arguments.addAll(List.of(more));
        return start("source", arguments);
    }

    /** A host that waits for {@code migrate-incoming}. */
    Host destination(String... more) {
        List<String> arguments = new ArrayList<>(guest);
        arguments.addAll(List.of("--incoming", "defer", "--verify"));
        arguments.addAll(List.of(more));
        if (more.length > 0) {
            return start("destination", arguments);
        }
        Host next = spare.orElseGet(() -> start("destination", arguments));
        spare = Optional.of(start("destination", arguments));
        return next;
    }

    /** A host whose guest runs if {@code runs}, else comes; all that it is given besides is in {@code more}. */
    Host host(boolean runs, String... more) {
        return host(Host.java(), runs, more);
    }

    /** The same with the words that start Godwit. */
    Host host(List<String> godwit, boolean runs, String... more) {
        List<String> arguments = new ArrayList<>(guest);
        arguments.addAll(runs ? List.of() : List.of("--incoming", "defer"));
        arguments.addAll(List.of(more));
        return start(runs ? "first" : "further", godwit, arguments);
    }

    private Host start(String role, List<String> arguments) {
        return start(role, Host.java(), arguments);
    }

    private Host start(String role, List<String> godwit, List<String> arguments) {
        Host host = Host.start(role + "-" + NUMBER.incrementAndGet(), directory, godwit, arguments);
        hosts.add(host);
        return host;
    }

    @Override
    public void close() {
        hosts.forEach(Host::close);
    }
}
