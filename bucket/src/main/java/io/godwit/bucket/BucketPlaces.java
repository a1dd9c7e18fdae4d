// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.PlaceProvider;
import java.nio.file.Path;

/** Knows {@code s3://BUCKET/PREFIX}. */
public final class BucketPlaces implements PlaceProvider {
    /** Made by the service loader. */
    public BucketPlaces() {}

    @Override
    public String scheme() {
        return BucketAddress.SCHEME;
    }

    @Override
    public ObjectPlace at(String address) {
        BucketAddress parsed = BucketAddress.parse(address);
        Path cache = BucketPlace.cacheOf(parsed, S3.endpoint(System.getenv()));
        return new BucketPlace(parsed, new Bucket(parsed, S3.client()), cache, Lease.Terms.USUAL);
    }
}
