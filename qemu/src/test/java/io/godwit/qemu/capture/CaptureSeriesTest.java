// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.store.SnapshotName;
import io.godwit.store.StoreException;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class CaptureSeriesTest {
    private static final Instant MOMENT = Instant.parse("2026-11-30T17:40:00.123Z");

    private static List<SnapshotName> names(String... names) {
        return Stream.of(names).map(SnapshotName::new).toList();
    }

    @Test
    void aCaptureHasTheMomentOfItsBeginningInItsName() {
        assertThat(new CaptureSeries(new SnapshotName("web"), 1).at(MOMENT))
                .isEqualTo(new SnapshotName("web/2026-11-30T17-40-00Z"));
        assertThatThrownBy(() -> new CaptureSeries(new SnapshotName("a/b/c/d"), 1).at(MOMENT))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("5 parts");
    }

    @Test
    void theOldestGoAndOthersAreNoneOfItsBusiness() {
        CaptureSeries series = new CaptureSeries(new SnapshotName("web"), 2);
        List<SnapshotName> all = names(
                "web/2026-11-30T17-40-00Z",
                "web/2026-11-30T17-30-00Z",
                "web/2025-12-31T23-59-59Z",
                "web/2026-11-30T17-50-00Z",
                "web/golden",
                "web/2026-11-30T17-20-00Z/copy",
                "web2/2026-11-30T17-10-00Z",
                "2026-11-30T17-10-00Z",
                "web");
        assertThat(series.expired(all)).isEqualTo(names("web/2025-12-31T23-59-59Z", "web/2026-11-30T17-30-00Z"));
        assertThat(new CaptureSeries(new SnapshotName("web"), 4).expired(all)).isEmpty();
        assertThat(series.expired(List.of())).isEmpty();
    }

    @Test
    void aSeriesThatKeepsNothingIsNone() {
        assertThatThrownBy(() -> new CaptureSeries(new SnapshotName("web"), 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least 1");
    }
}
