// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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

    private Host start(String role, List<String> arguments) {
        Host host = Host.start(role + "-" + NUMBER.incrementAndGet(), directory, arguments);
        hosts.add(host);
        return host;
    }

    @Override
    public void close() {
        hosts.forEach(Host::close);
    }
}
