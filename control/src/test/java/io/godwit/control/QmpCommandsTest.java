// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class QmpCommandsTest {
    private static final Collection<QmpCommand> TABLE = new QmpCommands(new FakeHost(), () -> {}, _ -> {}).all();

    @Test
    void theDocumentNamesEachCommandAndEachOfItsArguments() throws IOException {
        String document = Files.readString(Path.of("..", "docs", "qmp.md"));
        String rows = String.join(
                "\n", document.lines().filter(line -> line.startsWith("| `")).toList());
        for (QmpCommand command : TABLE) {
            assertThat(rows).contains("`" + command.name() + "`");
            assertThat(command.arguments())
                    .allSatisfy(
                            argument -> assertThat(document).as(command.name()).contains("`" + argument + "`"));
        }
    }

    @Test
    void queryCommandsTellsTheTable() throws IOException {
        try (QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), new FakeHost());
                RawSession session = RawSession.negotiated(server.address())) {
            JsonNode answer = Json.parse(session.ask("{\"execute\":\"query-commands\"}"));
            assertThat(answer.path("return").values().stream()
                            .map(command -> command.path("name").asString("")))
                    .containsExactlyElementsOf(
                            TABLE.stream().map(QmpCommand::name).toList());
            assertThat(TABLE).allSatisfy(command -> assertThat(command.help()).isNotBlank());
        }
    }

    @Test
    void noCommandTakesAnArgumentThatIsNotInTheTable() throws IOException {
        try (QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), new FakeHost());
                RawSession session = RawSession.negotiated(server.address())) {
            for (QmpCommand command : TABLE) {
                if (!command.name().equals("qmp_capabilities")) {
                    assertThat(session.ask(
                                    "{\"execute\":\"" + command.name() + "\",\"arguments\":{\"no-such-thing\":1}}"))
                            .as(command.name())
                            .contains("Parameter 'no-such-thing' is unexpected");
                }
            }
        }
    }
}
