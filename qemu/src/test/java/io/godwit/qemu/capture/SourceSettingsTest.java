// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

class SourceSettingsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final Source source = new Source();
    private final SourceSettings settings = new SourceSettings();

    /** A QEMU whose downtime-limit is what a capture begins with. */
    private static final class Source implements QmpClient {
        private final ObjectNode parameters =
                Json.object().put("downtime-limit", 5).put("max-bandwidth", 5);
        private boolean refusing;

        @Override
        public JsonNode execute(String command, ObjectNode arguments, Duration timeout) {
            return switch (command) {
                case "query-migrate-parameters" -> parameters.deepCopy();
                case "query-migrate-capabilities" ->
                    Json.array().add(Json.object().put("capability", "xbzrle").put("state", true));
                case "migrate-set-capabilities" -> {
                    if (refusing) {
                        throw new QmpException(QmpException.GENERIC_ERROR, "not now");
                    }
                    yield Json.object();
                }
                default -> {
                    parameters.setAll(arguments);
                    yield Json.object();
                }
            };
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
        public Optional<QmpEvent> nextEvent(Duration timeout) {
            return Optional.empty();
        }

        @Override
        public void whenSilent(Duration after, Runnable told) {
            // It always answers.
        }

        @Override
        public boolean isConnected() {
            return true;
        }

        @Override
        public void close() {
            // Nothing is open.
        }
    }

    private void change() {
        CapturePlan plan = new CapturePlan(
                source.address(),
                "tcp:127.0.0.1:0",
                Afterwards.KEEP_RUNNING,
                Optional.empty(),
                PATIENCE,
                OptionalLong.empty(),
                OptionalLong.of(500));
        settings.apply(source, plan, PATIENCE);
        settings.allowPause(source, 20, PATIENCE);
        assertThat(source.parameters.path("downtime-limit").asLong()).isEqualTo(500);
        assertThat(source.parameters.path("max-bandwidth").asLong()).isZero();
    }

    private void assertParametersAreBack() {
        assertThat(source.parameters.path("downtime-limit").asLong()).isEqualTo(5);
        assertThat(source.parameters.path("max-bandwidth").asLong()).isEqualTo(5);
    }

    @Test
    void limitThatWasOnlyRaisedDuringTheCaptureIsPutBack() {
        change();
        settings.restore(source, PATIENCE);
        assertParametersAreBack();
        assertThat(settings.changed()).isEmpty();
    }

    @Test
    void parametersArePutBackThoughTheCapabilitiesAreRefused() {
        change();
        source.refusing = true;
        assertThatThrownBy(() -> settings.restore(source, PATIENCE)).isInstanceOf(QmpException.class);
        assertParametersAreBack();
        assertThat(settings.changed()).isEqualTo("xbzrle");
    }
}
