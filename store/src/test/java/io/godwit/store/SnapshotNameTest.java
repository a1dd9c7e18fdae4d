// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotNameTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "..",
                ".",
                "a/..",
                "../a",
                "a//b",
                "/a",
                "a/",
                "-a",
                ".hidden",
                "a/.b",
                "a b",
                "a+b",
                "a\\b",
                "a\nb",
                "a\u0000b",
                "ä",
                "a/b/c/d/e",
                "01234567890123456789012345678901234567890123456789012345678901234"
            })
    void whatCouldLeadOutOfTheStoreIsNoName(String text) {
        assertThatThrownBy(() -> new SnapshotName(text))
                .isInstanceOf(StoreException.class)
                .hasMessageMatching("[ -~]*");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "web/monday", "vm-1/2026-11-30T10.00_x", "a..b", "A/b/C/9"})
    void aNameBecomesOneFileNameAndIsFoundAgain(String text) {
        SnapshotName name = new SnapshotName(text);
        assertThat(name.key()).doesNotContain("/");
        assertThat(SnapshotName.ofKey(name.key())).isEqualTo(name);
    }

    @Test
    void theRefusalSaysWhichPart() {
        assertThatThrownBy(() -> new SnapshotName("web/../x"))
                .hasMessage("'web/../x' is no name of a snapshot: '..' is not 1 to 64 of A-Z a-z 0-9 . _ - that begin"
                        + " with a letter or a digit.");
    }
}
