// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import java.net.URI;
import java.util.Optional;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.retries.api.RetryStrategy;
import software.amazon.awssdk.services.s3.S3Client;

/** A server that speaks S3, in this process, with its buckets in memory. It checks signatures and conditions. */
final class S3Server {
    static final String BUCKET = "guests";

    private static final String KEY = "godwit";
    private static final String SECRET = "a-secret-of-this-test";

    private static final RetryStrategy AT_ONCE = AwsRetryStrategy.standardRetryStrategy().toBuilder()
            .backoffStrategy(BackoffStrategy.retryImmediately())
            .build();

    private final S3Proxy server;

    S3Server() throws Exception {
        server = S3Proxy.builder()
                .blobStore(new TransientNio2BlobStore())
                .endpoint(URI.create("http://127.0.0.1:0"))
                .awsAuthentication(AuthenticationType.AWS_V4, KEY, SECRET)
                .ignoreUnknownHeaders(true)
                .build();
        server.start();
        try (S3Client client = client(new ExecutionInterceptor() {})) {
            client.createBucket(request -> request.bucket(BUCKET));
        }
    }

    URI endpoint() {
        return URI.create("http://127.0.0.1:" + server.getPort());
    }

    S3Client client(ExecutionInterceptor interceptor) {
        return client(SECRET, interceptor);
    }

    S3Client client(String secret, ExecutionInterceptor interceptor) {
        return S3.builder(Optional.of(endpoint()), false)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(KEY, secret)))
                .overrideConfiguration(
                        change -> change.addExecutionInterceptor(interceptor).retryStrategy(AT_ONCE))
                .build();
    }

    void stop() throws Exception {
        server.stop();
    }
}
