// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.tracking.VcpuDirtyLimit;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class QmpDirtyLimitTest extends QmpLab {
    private JsonNode ask(String command, String arguments) throws IOException {
        return ask("{'execute':'" + command + "','arguments':" + arguments + "}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
            set-vcpu-dirty-limit    | {'dirty-rate':200}                | limit OptionalLong.empty 200
            set-vcpu-dirty-limit    | {'dirty-rate':1,'cpu-index':3}    | limit OptionalLong[3] 1
            set-vcpu-dirty-limit    | {'dirty-rate':0,'cpu-index':-1}   | limit OptionalLong[-1] 0
            cancel-vcpu-dirty-limit | {}                                | cancel limit OptionalLong.empty
            cancel-vcpu-dirty-limit | {'cpu-index':1}                   | cancel limit OptionalLong[1]
            """)
    void theArgumentsReachTheHost(String command, String arguments, String call) throws IOException {
        assertThat(ask(command, arguments)).isEqualTo(Json.parse("{\"return\":{}}"));
        assertThat(host.calls).containsExactly(call);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
            set-vcpu-dirty-limit    | {}                                   | Parameter 'dirty-rate' is missing
            set-vcpu-dirty-limit    | {'dirty-rate':'x'}                   | Parameter 'dirty-rate' expects uint64
            set-vcpu-dirty-limit    | {'dirty-rate':-1}                    | Parameter 'dirty-rate' expects uint64
            set-vcpu-dirty-limit    | {'dirty-rate':1.5}                   | Parameter 'dirty-rate' expects uint64
            set-vcpu-dirty-limit    | {'dirty-rate':99999999999999999999}  | Parameter 'dirty-rate' expects uint64
            set-vcpu-dirty-limit | {'dirty-rate':1,'cpu-index':'x'} | Invalid parameter type for 'cpu-index', \
            expected: integer
            set-vcpu-dirty-limit    | {'dirty-rate':1,'foo':99}            | Parameter 'foo' is unexpected
            cancel-vcpu-dirty-limit | {'cpu-index':true} | Invalid parameter type for 'cpu-index', expected: integer
            cancel-vcpu-dirty-limit | {'dirty-rate':1}                     | Parameter 'dirty-rate' is unexpected
            query-vcpu-dirty-limit  | {'cpu-index':0}                      | Parameter 'cpu-index' is unexpected
            """)
    void whatIsWrongIsSaidInQemusWordsAndNothingIsDone(String command, String arguments, String sentence)
            throws IOException {
        JsonNode error = ask(command, arguments).path("error");
        assertThat(error.path("class").asString()).isEqualTo("GenericError");
        assertThat(error.path("desc").asString()).startsWith(sentence);
        assertThat(host.calls).isEmpty();
    }

    @Test
    void theAnswerNamesThoseWithALimit() throws IOException {
        assertThat(ask("query-vcpu-dirty-limit", "{}")).isEqualTo(Json.parse("{\"return\":[]}"));
        host.limits = List.of(new VcpuDirtyLimit(1, 60, 3), new VcpuDirtyLimit(4, 2, 0));
        assertThat(ask("query-vcpu-dirty-limit", "{}"))
                .isEqualTo(Json.parse("{\"return\":[{\"limit-rate\":60,\"current-rate\":3,\"cpu-index\":1},"
                        + "{\"limit-rate\":2,\"current-rate\":0,\"cpu-index\":4}]}"));
    }
}
