// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** What a client asks for wrongly is refused in QEMU's words, and changes nothing. */
class QmpRefusalTest extends QmpLab {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
            {"execute":"query-status","arguments":{"x":1}}                    | Parameter 'x' is unexpected
            {"execute":"query-status","foo":1}                                | QMP input member 'foo' is unexpected
            {"execute":1} | QMP input member 'execute' must be a string
            {"arguments":{}}                                                  | QMP input lacks member 'execute'
            {"execute":"stop","arguments":[]} | QMP input member 'arguments' must be an object
            {"execute":"stop","arguments":{"now":true}}                       | Parameter 'now' is unexpected
            []                                                                | QMP input must be a JSON object
            "a"                                                               | QMP input must be a JSON object
            {"execute":"stop","execute":"cont"} | JSON parse error, duplicate key 'execute'
            {"execute":"migrate"}                                             | need either 'uri' or 'channels' argument
            {"execute":"migrate","arguments":{"uri":5}} | Invalid parameter type for 'uri', expected: string
            {"execute":"migrate","arguments":{"uri":"foo:bar"}}               | unknown migration protocol: foo:bar
            {"execute":"migrate","arguments":{"uri":"tcp:h:1","bad":1}}       | Parameter 'bad' is unexpected
            {"execute":"migrate","arguments":{"uri":"bug:"}}                  | internal error
            {"execute":"migrate-continue"}                                    | Parameter 'state' is missing
            {"execute":"migrate-continue","arguments":{"state":"foo"}} | Parameter 'state' does not accept value 'foo'
            {"execute":"migrate-set-parameters","arguments":{"max-bandwidth":"5"}} | Parameter 'max-bandwidth' \
            expects uint64
            {"execute":"migrate-set-parameters","arguments":{"max-bandwidth":-1}} | Parameter 'max-bandwidth' expects \
            uint64
            {"execute":"migrate-set-parameters","arguments":{"downtime-limit":3000000}} | downtime-limit = 3000000: \
            must be from 0 to 2000000
            {"execute":"migrate-set-parameters","arguments":{"postcopy-after-passes":-1}} | Parameter \
            'postcopy-after-passes' expects uint64
            {"execute":"migrate-set-parameters","arguments":{"postcopy-start-time":4294967296}} | postcopy-start-time \
            = 4294967296: must be from 0 to 2147483647
            {"execute":"migrate-recover"}                                     | Parameter 'uri' is missing
            {"execute":"migrate-recover","arguments":{"uri":"tcp:h:1","resume":true}} | Parameter 'resume' is unexpected
            {"execute":"migrate-pause","arguments":{"uri":"tcp:h:1"}}         | Parameter 'uri' is unexpected
            {"execute":"migrate-start-postcopy","arguments":{"now":true}}     | Parameter 'now' is unexpected
            {"execute":"migrate","arguments":{"uri":"tcp:h:1","resume":1}} | Invalid parameter type for 'resume', \
            expected: boolean
            {"execute":"migrate-set-parameters","arguments":{"nope":3}}       | Parameter 'nope' is unexpected
            {"execute":"migrate-set-capabilities","arguments":{"capabilities":5}} | Invalid parameter type for \
            'capabilities', expected: array
            {"execute":"migrate-set-capabilities","arguments":{"capabilities":[5]}} | Invalid parameter type for \
            'capabilities[0]', expected: object
            {"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events"}]}} | Parameter \
            'capabilities[0].state' is missing
            {"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"nope","state":true}]}} \
            | Parameter 'capability' does not accept value 'nope'
            {"execute":"migrate-set-capabilities","arguments":\
            {"capabilities":[{"capability":"multifd","state":true}]}} | Capability 'multifd' is not in this version
            """)
    void whatIsWrongIsSaidInQemusWords(String request, String sentence) throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            JsonNode answer = Json.parse(session.ask(request));
            assertThat(answer.path("error").path("class").asString()).isEqualTo("GenericError");
            assertThat(answer.path("error").path("desc").asString()).contains(sentence);
            assertThat(session.ask("{\"execute\":\"query-status\"}")).contains("\"running\":true");
        }
    }

    @Test
    void aRefusedSetChangesNothing() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            session.ask("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"downtime-limit\":5,\"nope\":1}}");
            assertThat(host.parameters.downtimeLimitMillis()).isEqualTo(300);
            session.ask("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"downtime-limit\":5}}");
            assertThat(session.ask("{\"execute\":\"query-migrate-parameters\"}"))
                    .contains("\"downtime-limit\":5");
        }
    }
}
