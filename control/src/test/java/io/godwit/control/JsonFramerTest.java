// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class JsonFramerTest {
    private final List<String> found = new ArrayList<>();
    private final JsonFramer framer = new JsonFramer(new JsonFramer.Sink() {
        @Override
        public void text(byte[] utf8) {
            found.add(new String(utf8, StandardCharsets.UTF_8));
        }

        @Override
        public void broken(String reason) {
            found.add("broken: " + reason);
        }
    });

    private void consume(String text) {
        framer.consume(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void severalObjectsInOneWriteAreCutApart() {
        consume("{\"a\":1}{\"b\":[2]}\r\n [3] ");
        assertThat(found).containsExactly("{\"a\":1}", "{\"b\":[2]}", "[3]");
    }

    @Test
    void oneObjectOverManyWritesIsPutTogether() {
        for (char c : "{\"a\": \"}\\\"{\", \"b\": {}}".toCharArray()) {
            consume(String.valueOf(c));
        }
        assertThat(found).containsExactly("{\"a\": \"}\\\"{\", \"b\": {}}");
    }

    @Test
    void wordsEndAtTheNextDelimiter() {
        consume("garbage\n1 {\"a\":1}");
        assertThat(found).containsExactly("garbage", "1", "{\"a\":1}");
    }

    @Test
    void aRunOfClosingBracketsIsReportedOnce() {
        consume("}}}}]]],,\n{}");
        assertThat(found).containsExactly("broken: expecting value", "{}");
    }

    @Test
    void anUnfinishedStringEndsAtTheLineEnd() {
        consume("{\"execute\n{\"a\":1}");
        assertThat(found).containsExactly("broken: stray byte 0xa in a string", "{\"a\":1}");
    }

    @Test
    void nestingIsBounded() {
        consume("[".repeat(2000) + "\n{}");
        assertThat(found).containsExactly("broken: nesting deeper than " + Json.MAX_NESTING, "{}");
    }

    @Test
    void sizeIsBounded() {
        consume("{\"a\": \"" + "x".repeat(JsonFramer.MAX_TEXT_BYTES) + "\"}\n{}");
        assertThat(found)
                .containsExactly("broken: more than " + JsonFramer.MAX_TEXT_BYTES + " bytes in one value", "{}");
    }

    @Test
    void byteFfResetsAsInQemu() {
        framer.consume(ByteBuffer.wrap(new byte[] {'{', '"', (byte) 0xFF, '{', '}'}));
        assertThat(found).containsExactly("broken: stray byte 0xff in a string", "{}");
    }

    @Test
    void whateverComesAnObjectOnALineOfItsOwnIsFoundAfterwards() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String alphabet = "{}[]\"':,\\ \n\tab01\u00e9";
        for (int round = 0; round < 2000; round++) {
            StringBuilder noise = new StringBuilder();
            for (int i = random.nextInt(60); i > 0; i--) {
                noise.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            consume(noise.toString());
            // QEMU's own way back: a byte that is never part of JSON.
            framer.consume(ByteBuffer.wrap(new byte[] {(byte) 0xFF}));
            found.clear();
            consume("\n{\"sane\":1}\n");
            assertThat(found).as("seed %d, after %s", seed, noise).containsExactly("{\"sane\":1}");
        }
    }
}
