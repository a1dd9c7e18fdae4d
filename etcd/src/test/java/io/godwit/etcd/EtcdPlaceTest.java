// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.ArbiterProvider;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EtcdPlaceTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    ttl=5                     | needs its members' addresses
                    127.0.0.1:2379,ttl=1      | lasts for 2 to 600 s
                    127.0.0.1:2379,ttl=soon   | lasts for 2 to 600 s
                    127.0.0.1                 | no address of a member
                    ,                         | no address of a member
                    127.0.0.1:2379,user=root  | user= and password-file= belong together
                    127.0.0.1:2379,password=secret | there is no password=; it knows ttl=
                    http://root:secret@127.0.0.1:2379 | has no user and no password
                    127.0.0.1:2379,ttl=5,ttl=6 | ttl= is there twice
                    https://127.0.0.1:2379,http://127.0.0.1:2380 | all with TLS or all without it
                    https://127.0.0.1:2379,cert=/dev/null | cert= and key= belong together
                    127.0.0.1:2379,cert=/dev/null,key=/dev/null | for members with TLS
                    127.0.0.1:2379,ca=/none/such | ca=/none/such: there is no such file
                    127.0.0.1:2379,ca=/dev/null | certificates cannot be used
                    https://127.0.0.1:2379,cert=/dev/null,key=/dev/null | certificates cannot be used
                    """)
    void whatIsNoPlaceIsRefusedBySentence(String place, String sentence) {
        assertThatThrownBy(() -> new EtcdArbiters().open(place))
                .isInstanceOf(ArbiterException.class)
                .hasMessageContaining(sentence);
    }

    @Test
    void itIsFoundAsAServiceAndWaitsForNobodyBeforeTheFirstClaim() {
        ArbiterProvider found =
                ServiceLoader.load(ArbiterProvider.class).findFirst().orElseThrow();
        assertThat(found.scheme()).isEqualTo("etcd");
        try (Arbiter arbiter = found.open("127.0.0.1:1,http://127.0.0.1:2,ttl=2")) {
            assertThat(arbiter.held()).isFalse();
            assertThat(arbiter.self())
                    .contains("process " + ProcessHandle.current().pid());
        }
    }
}
