// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.store.StoreException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/**
 * The client of this process. Where it asks, and who asks, is said as for all of Amazon's tools: {@code
 * AWS_ACCESS_KEY_ID}, {@code AWS_SECRET_ACCESS_KEY}, {@code AWS_REGION}, {@code AWS_ENDPOINT_URL_S3}, {@code
 * AWS_PROFILE}, {@code ~/.aws}, or the machine's role.
 */
final class S3 {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration SILENCE = Duration.ofSeconds(30);

    private S3() {}

    private static Optional<S3Client> made = Optional.empty();

    /**
     * The client.
     *
     * @throws StoreException if what the environment says cannot be
     */
    static synchronized S3Client client() {
        try {
            S3Client client = made.isPresent() ? made.get() : ofEnvironment(System.getenv());
            made = Optional.of(client);
            return client;
        } catch (SdkException | IllegalArgumentException | NullPointerException e) {
            throw new StoreException(
                    "Buckets cannot be used: " + e.getMessage()
                            + " Look at AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_S3 and ~/.aws.",
                    e);
        }
    }

    static S3Client ofEnvironment(Map<String, String> environment) {
        return builder(endpoint(environment), environment.containsKey("AWS_REGION"))
                .build();
    }

    /** A server that is not Amazon's; empty if the environment names none. */
    static Optional<URI> endpoint(Map<String, String> environment) {
        return Optional.ofNullable(environment.get("AWS_ENDPOINT_URL_S3"))
                .or(() -> Optional.ofNullable(environment.get("AWS_ENDPOINT_URL")))
                .filter(address -> !address.isEmpty())
                .map(URI::create);
    }

    /**
     * What makes a client.
     *
     * @param endpoint a server that is not Amazon's, which has its buckets as paths
     * @param regionIsSaid whether the environment names a region, which other servers do not need
     */
    static S3ClientBuilder builder(Optional<URI> endpoint, boolean regionIsSaid) {
        S3ClientBuilder builder = S3Client.builder()
                .httpClientBuilder(
                        Apache5HttpClient.builder().connectionTimeout(CONNECT).socketTimeout(SILENCE))
                // Every object has sums of its own, and not every server knows Amazon's.
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
        endpoint.ifPresent(server -> builder.endpointOverride(server).forcePathStyle(true));
        if (endpoint.isPresent() && !regionIsSaid) {
            builder.region(Region.US_EAST_1);
        }
        return builder;
    }
}
