// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import io.godwit.machines.client.ClientSettings;
import io.godwit.machines.service.ServiceAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A service that two host processes protect, of which one is killed at a random moment, again and again: the other goes
 * on, and gets a new secondary. Its clients are told nothing wrong in all that.
 *
 * <p>The system property {@code godwit.kills} says how many die, {@code godwit.kills.guest} of which kind the guest is.
 */
@Tag("kernel")
@Timeout(3600)
class ColoKillsTest {
    private static final int KILLS = Integer.getInteger("godwit.kills", 3);
    private static final int HEARTBEAT_MILLIS = 1000;
    private static final int LONGEST_MILLIS = 1500;
    private static final int CLIENTS = 4;
    private static final long ANSWERS = 200;

    @TempDir
    private Path directory = Path.of("");

    /** One of the two places where hosts of the guest are, one after the other. */
    private static Host host(Lab lab, boolean runs, String door) {
        Host host = lab.host(runs, "--service", door);
        host.setCapability("x-colo", true);
        host.set("x-colo-heartbeat-timeout", HEARTBEAT_MILLIS);
        return host;
    }

    private static void await(String what, ClientLoad load, BooleanSupplier condition) {
        long deadline = System.nanoTime() + Host.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(load.figures().findings())
                    .as("findings of clients while awaiting " + what)
                    .isEmpty();
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static void awaitAnswers(ClientLoad load) {
        long before = load.figures().answers();
        await("answers", load, () -> load.figures().answers() >= before + ANSWERS);
    }

    private static void protect(Host primary, Host secondary, long delayMillis) {
        primary.set("x-checkpoint-delay", delayMillis);
        primary.migrate("tcp:127.0.0.1:" + secondary.listen());
        assertThat(primary.await("colo"))
                .as(() -> primary.error() + "; " + primary.lastWords() + "; " + secondary.error() + "; "
                        + secondary.lastWords())
                .isEqualTo("colo");
    }

    private static boolean isAlone(Host host) {
        return host.ask("query-colo-status").path("mode").asString("").equals("none");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void hostsAreKilledAndClientsAreToldNothingWrong(boolean compares) throws InterruptedException {
        String kind = System.getProperty("godwit.kills.guest", "kvm");
        Lab.needs(kind);
        SplittableRandom random = Lab.seeded("kills of " + kind + (compares ? " guests" : " guests, periodic"));
        String[] doors = {"unix:" + directory.resolve("a"), "unix:" + directory.resolve("b")};
        ClientSettings settings = ClientSettings.of(
                        List.of(ServiceAddress.parse(doors[0]), ServiceAddress.parse(doors[1])), CLIENTS)
                .withSeed(random.nextLong())
                .withMix(new ClientSettings.Mix(45, 4, 20, 1));
        try (Lab lab = new Lab(
                        directory,
                        List.of("--guest", kind, "--memory", "32M", "--program", "service", "--working-set", "8M"));
                ClientLoad load = ClientLoad.start(settings)) {
            Host[] hosts = {host(lab, true, doors[0]), host(lab, false, doors[1])};
            int primary = 0;
            for (int kill = 1; kill <= KILLS; kill++) {
                hosts[primary].ask("migrate-set-parameters", Json.object().put("x-colo-periodic", !compares));
                protect(hosts[primary], hosts[1 - primary], compares ? random.nextInt(20, 1000) : 25);
                awaitAnswers(load);
                LockSupport.parkNanos(random.nextInt(LONGEST_MILLIS) * 1_000_000L);
                int dies = random.nextInt(2);
                String role = dies == primary ? "primary" : "secondary";
                load.forgetGaps();
                hosts[dies].kill();
                awaitAnswers(load);
                primary = 1 - dies;
                Host survivor = hosts[primary];
                await("the end of the protection", load, () -> isAlone(survivor));
                System.out.printf(
                        "kill %d, of the %s: longest gap without an answer %d ms%n",
                        kill, role, load.figures().longestGapNanos() / 1_000_000);
                assertThat(survivor.runState()).as(survivor::lastWords).isEqualTo("running");
                hosts[dies] = host(lab, false, doors[dies]);
            }
            ClientFigures figures = load.stop();
            assertThat(figures.findings()).isEmpty();
            assertThat(hosts[primary].guest().mismatches()).isZero();
        }
    }
}
