// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.store.StoreException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BucketAddressTest {
    @ParameterizedTest
    @CsvSource({
        "s3://guests, guests, ''",
        "s3://guests/, guests, ''",
        "s3://guests/a, guests, a/",
        "s3://my.guests-1/a/b_c/, my.guests-1, a/b_c/"
    })
    void bucketAndPrefixAreRead(String text, String bucket, String prefix) {
        assertThat(BucketAddress.parse(text)).isEqualTo(new BucketAddress(bucket, prefix));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"s3://", "s3:///a", "s3://A", "s3://ab", "s3://guests/..", "s3://guests/a//b", "s3://guests/a b"
            })
    void whatIsNoneIsRefused(String text) {
        assertThatThrownBy(() -> BucketAddress.parse(text))
                .isInstanceOf(StoreException.class)
                .hasMessageStartingWith("'" + text + "' is no s3://BUCKET/PREFIX");
    }

    @Test
    void bucketsOfTwoServersHaveTheirOwnCaches() {
        BucketAddress address = BucketAddress.parse("s3://guests/a");
        Path amazons = BucketPlace.cacheOf(address, Optional.empty());
        Path one = BucketPlace.cacheOf(address, Optional.of(URI.create("http://one:9000")));
        Path two = BucketPlace.cacheOf(address, Optional.of(URI.create("http://two:9000")));
        assertThat(List.of(amazons, one, two)).doesNotHaveDuplicates();
        assertThat(BucketPlace.cacheOf(address, Optional.of(URI.create("http://two:9000"))))
                .isEqualTo(two);
    }
}
