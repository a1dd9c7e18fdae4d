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
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

class SourceSettingsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final Source source = new Source();
    private final SourceSettings settings = new SourceSettings();

    /** A QEMU whose downtime-limit is what a capture begins with. */
    private static final class Source implements QmpClient {
        private final ObjectNode parameters =
                Json.object().put("downtime-limit", 5).put("max-bandwidth", 5);
        private final Map<String, Boolean> capabilities = new TreeMap<>(Map.of("xbzrle", true, "return-path", false));
        private String note = "";
        private boolean refusing;

        @Override
        public JsonNode execute(String command, ObjectNode arguments, Duration timeout) {
            return switch (command) {
                case "query-migrate-parameters" -> parameters.deepCopy();
                case "query-migrate-capabilities" -> {
                    ArrayNode list = Json.array();
                    capabilities.forEach((name, on) ->
                            list.add(Json.object().put("capability", name).put("state", on)));
                    yield list;
                }
                case "qom-get" -> {
                    if (note.isEmpty()) {
                        throw new QmpException("DeviceNotFound", "no such object");
                    }
                    yield Json.object().put("text", note).path("text");
                }
                case "object-add" -> {
                    note = arguments.path("data").asString("");
                    yield Json.object();
                }
                case "object-del" -> {
                    note = "";
                    yield Json.object();
                }
                case "migrate-set-capabilities" -> {
                    if (refusing) {
                        throw new QmpException(QmpException.GENERIC_ERROR, "not now");
                    }
                    arguments
                            .path("capabilities")
                            .forEach(one -> capabilities.put(
                                    one.path("capability").asString(""),
                                    one.path("state").asBoolean(false)));
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
        assertThat(settings.changed()).isEqualTo("return-path, xbzrle");
    }

    @Test
    void whatAKilledCaptureHasLeftIsPutBackByTheNext() {
        change();
        assertThat(source.capabilities).containsEntry("xbzrle", false).containsEntry("return-path", true);
        SettingsNote note = SettingsNote.read(source, PATIENCE).orElseThrow();
        assertThat(note.putBack(source, PATIENCE)).isEqualTo("return-path, xbzrle, max-bandwidth, downtime-limit");
        assertParametersAreBack();
        assertThat(source.capabilities).containsEntry("xbzrle", true).containsEntry("return-path", false);
        assertThat(SettingsNote.read(source, PATIENCE)).isEmpty();
    }

    @Test
    void captureThatPutsAllBackLeavesNoNote() {
        change();
        settings.restore(source, PATIENCE);
        assertThat(SettingsNote.read(source, PATIENCE)).isEmpty();
    }

    @Test
    void whatANoteSaysOfOtherSettingsDoesNotCount() {
        source.note = "{\"capabilities\":{\"other\":true,\"xbzrle\":3},\"parameters\":{\"x\":1,\"mode\":{\"y\":2}}}";
        assertThat(SettingsNote.read(source, PATIENCE).orElseThrow().putBack(source, PATIENCE))
                .isEmpty();
        source.note = "nonsense";
        assertThat(SettingsNote.read(source, PATIENCE).orElseThrow().putBack(source, PATIENCE))
                .isEmpty();
        assertThat(source.parameters.properties()).hasSize(2);
        assertThat(source.capabilities).hasSize(2);
    }
}
