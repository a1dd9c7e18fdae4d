// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.control.QmpConnectionException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * Whatever happens to either process at whatever byte: one copy of the guest runs in the end, or none and somebody says
 * why and {@code cont} brings it back; never two.
 */
@Timeout(300)
abstract class HostFaults {
    private static final long WORKING_SET_PAGES = 1024;
    private static final long PASS_BYTES = 32 << 20;
    private static final long HANDOVER_BYTES = 100_000;

    @TempDir
    private Path directory = Path.of("");

    private Lab lab = new Lab(Path.of(""), List.of());

    /** {@code kvm} or {@code memory}. */
    abstract String kind();

    /** How many moves each test makes. */
    abstract int moves();

    @BeforeEach
    void open() {
        lab = new Lab(
                directory,
                List.of("--guest", kind(), "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000"));
    }

    @AfterEach
    void close() {
        lab.close();
    }

    private List<Moment> moments(String what) {
        SplittableRandom random = Lab.seeded(kind() + ": " + what);
        return Moment.draw(random, moves(), PASS_BYTES, HANDOVER_BYTES);
    }

    /** Begins to migrate; the blow falls at that moment, on whichever side. */
    private static void migrate(Host source, Tap tap, Moment moment, Runnable blow) {
        try {
            source.setCapability("pause-before-switchover", moment instanceof Moment.Handover);
            switch (moment) {
                case Moment.Pass(long after) -> {
                    tap.arm(after, blow);
                    source.migrate(tap.uri());
                }
                case Moment.Handover(long after) -> {
                    source.migrate(tap.uri());
                    assertThat(source.await("pre-switchover")).isEqualTo("pre-switchover");
                    tap.arm(tap.forwardedBytes() + after, blow);
                    source.ask("migrate-continue", Json.object().put("state", "pre-switchover"));
                }
                case Moment.Verdict _ -> {
                    tap.arm(Long.MAX_VALUE, blow);
                    source.migrate(tap.uri());
                }
            }
        } catch (QmpConnectionException e) {
            assertThat(source.isAlive()).as("the source answers while it lives").isFalse();
        }
    }

    @Test
    void aDestinationKilledAtAnyByteLeavesTheGuestAtTheSource() throws Exception {
        Host source = lab.source();
        for (Moment moment : moments("killed destinations")) {
            try (Host destination = lab.destination();
                    Tap tap = new Tap(destination.listen())) {
                List<GuestFigures> there = new ArrayList<>();
                tap.loseVerdict();
                if (moment instanceof Moment.Verdict(boolean heard) && heard) {
                    // Tested by the one that dies after its answer has left.
                    continue;
                }
                migrate(source, tap, moment, () -> {
                    there.add(destination.guest());
                    destination.kill();
                });
                assertThat(source.awaitEnd()).as("%s", moment).isEqualTo("failed");
                tap.awaitBlow();
                assertOwnedBySource(moment, source, there.getFirst());
            }
        }
    }

    private static void assertOwnedBySource(Moment moment, Host source, GuestFigures there) {
        String error = source.error();
        switch (source.owner()) {
            case "here" -> assertThat(error).as("%s", moment).contains("the guest is here, as it was");
            case "undecided" -> {
                assertThat(error).as("%s", moment).contains("is not known", "'cont' here");
                assertThat(source.runState()).as("%s: %s", moment, error).isEqualTo("paused");
                assertThat(source.guest().lastNanos()).isLessThan(there.firstNanos());
                source.ask("cont");
            }
            default -> throw new AssertionError(moment + ": the dead own nothing: " + error);
        }
        if (there.beats() > 0) {
            assertThat(error).as("%s: it had run at the destination", moment).contains("is not known");
        }
        source.assertRunsWell(WORKING_SET_PAGES);
    }

    @Test
    void aDestinationThatDiesAfterItsAnswerWasHeardLeavesAGuestThatContBringsBack() throws Exception {
        Host source = lab.source();
        try (Host destination = lab.destination();
                Tap tap = new Tap(destination.listen())) {
            migrate(source, tap, new Moment.Verdict(true), destination::kill);
            assertThat(source.awaitEnd()).isEqualTo("completed");
            assertThat(source.runState()).isEqualTo("postmigrate");
            source.ask("cont");
            source.assertRunsWell(WORKING_SET_PAGES);
        }
    }

    @Test
    void aSourceKilledAtAnyByteLeavesTheWholeGuestAtTheDestinationOrNone() throws Exception {
        for (Moment moment : moments("killed sources")) {
            try (Host source = lab.source();
                    Host destination = lab.destination();
                    Tap tap = new Tap(destination.listen())) {
                List<GuestFigures> here = new ArrayList<>();
                if (moment instanceof Moment.Handover) {
                    tap.cutAtBlow();
                }
                migrate(source, tap, moment, () -> {
                    here.add(source.guest());
                    source.kill();
                });
                tap.awaitBlow();
                String status = destination.awaitEnd();
                GuestFigures there = destination.guest();
                if (status.equals("completed")) {
                    assertThat(moment).isNotInstanceOf(Moment.Pass.class);
                    destination.assertRunsWell(WORKING_SET_PAGES);
                    assertThat(destination.guest().firstNanos())
                            .isGreaterThan(here.getFirst().lastNanos());
                } else {
                    assertThat(status).as("%s", moment).isEqualTo("failed");
                    assertThat(destination.error())
                            .as("%s", moment)
                            .contains("the guest was not started here and belongs to the source");
                    assertThat(there.beats()).as("%s: half a guest ran", moment).isZero();
                    assertThat(destination.runState()).isEqualTo("inmigrate");
                }
            }
        }
    }

    @Test
    void aFrozenDestinationIsGivenUpAndNeverRunsASecondCopyWhenItWakes() throws Exception {
        Host source = lab.source();
        for (Moment moment : moments("frozen destinations")) {
            Host destination = lab.destination();
            try (Tap tap = new Tap(destination.listen())) {
                source.set("x-handover-timeout", 300);
                source.set("x-connect-timeout", 700);
                tap.loseVerdict();
                migrate(source, tap, moment, destination::freeze);
                assertThat(source.awaitEnd()).as("%s", moment).isEqualTo("failed");
                tap.awaitBlow();
                String owner = source.owner();
                boolean stays = owner.equals("here");
                assertThat(owner).as("%s: %s", moment, source.error()).isIn("here", "peer");
                assertThat(source.runState()).as("%s", moment).isEqualTo(stays ? "running" : "postmigrate");
                destination.thaw();
                assertThat(destination.awaitEnd()).as("%s", moment).isEqualTo(stays ? "failed" : "completed");
                if (stays) {
                    assertThat(destination.error()).contains("was not started here and belongs to the source");
                }
                source = assertOnlyOneRuns(moment, source, destination);
            }
        }
    }

    /** A source that stood still while its destination took the guest must not go on when it wakes. */
    @Test
    void aFrozenSourceThatWakesAfterTheHandoverDoesNotRunASecondCopy() throws Exception {
        Host source = lab.source();
        try (Host destination = lab.destination();
                Tap tap = new Tap(destination.listen())) {
            source.set("x-handover-timeout", 100);
            migrate(source, tap, new Moment.Verdict(true), source::freeze);
            tap.awaitBlow();
            destination.assertRunsWell(WORKING_SET_PAGES);
            source.thaw();
            assertThat(source.awaitEnd()).isIn("completed", "failed");
            assertThat(source.owner()).isEqualTo("peer");
            assertOnlyOneRuns(new Moment.Verdict(true), source, destination);
        }
    }

    /** The one that runs is the result; the other is ended. */
    private static Host assertOnlyOneRuns(Moment moment, Host source, Host destination) {
        boolean moved = destination.runState().equals("running");
        assertThat(source.runState().equals("running"))
                .as("%s: it runs on one side", moment)
                .isNotEqualTo(moved);
        Host running = moved ? destination : source;
        Host standing = moved ? source : destination;
        long beats = standing.guest().beats();
        running.assertRunsWell(WORKING_SET_PAGES);
        assertThat(standing.guest().beats())
                .as("%s: beats where it does not run", moment)
                .isEqualTo(beats);
        if (moved) {
            assertThat(source.guest().lastNanos())
                    .isLessThan(destination.guest().firstNanos());
        } else {
            assertThat(beats)
                    .as("%s: it has never run at the destination", moment)
                    .isZero();
        }
        standing.close();
        return running;
    }

    @Test
    void aMigrationCancelledAtAnyByteCanBeRepeatedAndThenSucceeds() throws Exception {
        Host source = lab.source();
        for (Moment moment : moments("cancelled migrations")) {
            Host first = lab.destination();
            try (Tap tap = new Tap(first.listen())) {
                Host asked = source;
                migrate(source, tap, moment, () -> asked.ask("migrate_cancel"));
                String status = source.awaitEnd();
                tap.awaitBlow();
                assertThat(status.equals("cancelled"))
                        .as("%s: %s", moment, source.error())
                        .isEqualTo(source.owner().equals("here"));
                assertThat(first.awaitEnd())
                        .as("%s", moment)
                        .isEqualTo(status.equals("cancelled") ? "failed" : "completed");
                source = assertOnlyOneRuns(moment, source, first);
            }
            source = move(moment, source);
        }
    }

    private Host move(Moment after, Host source) {
        Host destination = lab.destination();
        source.setCapability("pause-before-switchover", false);
        source.migrate("tcp:127.0.0.1:" + destination.listen());
        assertThat(source.awaitEnd())
                .as("after a cancel at %s: %s", after, source.error())
                .isEqualTo("completed");
        assertThat(destination.awaitEnd()).isEqualTo("completed");
        JsonNode memory = source.ask("x-godwit-ram-digest");
        assertThat(memory.path("blocks").isEmpty()).isFalse();
        assertThat(destination.ask("x-godwit-ram-digest"))
                .as("memory after a cancel at %s", after)
                .isEqualTo(memory);
        return assertOnlyOneRuns(after, source, destination);
    }
}
