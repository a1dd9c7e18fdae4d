// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Whatever becomes of a migration on trial, the source is left as it was. */
class TrialTest {
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    /** Says one status after the other, the last for ever; {@code lost} is an answer that never comes. */
    private static final class Source implements QmpClient {
        private final Deque<String> statuses;
        private final List<String> executed = new ArrayList<>();
        private String refusal = "";

        private Source(String... statuses) {
            this.statuses = new ArrayDeque<>(List.of(statuses));
        }

        @Override
        public QmpAddress address() {
            return QmpAddress.parse("unix:/x");
        }

        @Override
        public ObjectNode greeting() {
            return Json.object();
        }

        @Override
        public JsonNode execute(String command, ObjectNode arguments, Duration timeout) {
            if (command.equals("query-migrate")) {
                String status = statuses.size() > 1 ? statuses.remove() : statuses.element();
                if (status.equals("lost")) {
                    throw new UncheckedIOException(new IOException("no answer came"));
                }
                ObjectNode answer = Json.object().put("status", status);
                answer.set("ram", Json.object());
                return answer;
            }
            executed.add(command.equals("migrate-set-parameters") ? "set " + arguments.path("max-bandwidth") : command);
            if (command.equals("migrate") && !refusal.isEmpty()) {
                throw new QmpException("GenericError", refusal);
            }
            return Json.object();
        }

        @Override
        public Optional<QmpEvent> nextEvent(Duration timeout) {
            return Optional.empty();
        }

        @Override
        public void whenSilent(Duration after, Runnable told) {}

        @Override
        public boolean isConnected() {
            return true;
        }

        @Override
        public void close() {}
    }

    private static Side side(String... capabilities) throws IOException {
        ObjectNode answers = ExaminationTest.recorded("qemu-10.0");
        for (String capability : capabilities) {
            ExaminationTest.switchOn(answers, capability);
        }
        return ExaminationTest.side(answers, true);
    }

    private static List<Finding> tried(Source source) throws IOException {
        return new Trial(source, side(), PATIENCE).run("tcp:h:1").toList();
    }

    @Test
    void whatBeginsIsCancelledAndOnlyAfterItsEndTheParametersAreWhatTheyWere() throws IOException {
        Source source = new Source("setup", "active", "active", "cancelling", "cancelled");
        assertThat(tried(source)).extracting(Finding::severity).containsExactly(Severity.NOTE);
        assertThat(source.executed).containsExactly("set 4096", "migrate", "migrate_cancel", "set 134217728");
        assertThat(source.statuses).as("looks until the end").hasSize(1);
    }

    @Test
    void anAnswerThatGetsLostLeavesNoMigrationBehind() {
        Source source = new Source("lost", "active", "cancelled");
        assertThatThrownBy(() -> tried(source)).isInstanceOf(UncheckedIOException.class);
        assertThat(source.executed).containsExactly("set 4096", "migrate", "migrate_cancel", "set 134217728");
    }

    @Test
    void aTrialThatHasReachedItsEndAtTheFirstLookLetsTheGuestGoOn() throws IOException {
        Source source = new Source("completed");
        assertThat(tried(source)).extracting(Finding::severity).containsExactly(Severity.RISK);
        assertThat(source.executed).containsExactly("set 4096", "migrate", "cont", "set 134217728");
    }

    @ParameterizedTest
    @CsvSource({
        "Failed to connect to '127.0.0.1:5': Connection refused, NOTE",
        "Migration requires multi-channel URIs (e.g. tcp), NOTE",
        "Migration disabled: vhost lacks VHOST_F_LOG_ALL feature, STOPS"
    })
    void aRefusalCountsUnlessItIsOfTheTrialsOwnWay(String refusal, Severity severity) throws IOException {
        Source source = new Source("completed");
        source.refusal = refusal;
        assertThat(tried(source)).extracting(Finding::severity).containsExactly(severity);
        assertThat(source.executed)
                .as("an earlier migration's end is not this one's")
                .containsExactly("set 4096", "migrate", "set 134217728");
    }

    @ParameterizedTest
    @CsvSource({"background-snapshot, true", "mapped-ram, true", "multifd, false", "postcopy-preempt, false"})
    void whatWouldBeSomethingElseIsNotTried(String capability, boolean alsoHere) throws IOException {
        assertThat(Trial.keptAway(side(capability)).isPresent()).isEqualTo(alsoHere);
        ObjectNode answers = ExaminationTest.recorded("qemu-10.0");
        assertThat(Trial.keptAway(ExaminationTest.side(answers, false))).isEmpty();
        ExaminationTest.switchOn(answers, capability);
        assertThat(Trial.keptAway(ExaminationTest.side(answers, false))).isPresent();
    }
}
