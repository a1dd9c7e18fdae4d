// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.store.StoreException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * The few things that are asked of a bucket, with sentences for what goes wrong. Keys are those behind the store's
 * prefix.
 *
 * <p>Threads: any number.
 */
final class Bucket {
    private static final int NOT_FOUND = 404;
    private static final int CONFLICT = 409;
    private static final int PRECONDITION_FAILED = 412;
    private static final String WRITER = "godwit-writer";

    /** LIMIT: for small requests. With all attempts they end before a lock does whose holder sends them. */
    private static final AwsRequestOverrideConfiguration SOON = AwsRequestOverrideConfiguration.builder()
            .apiCallAttemptTimeout(Duration.ofSeconds(2))
            .apiCallTimeout(Duration.ofMillis(4500))
            .build();

    private final BucketAddress address;
    private final S3Client client;

    Bucket(BucketAddress address, S3Client client) {
        this.address = address;
        this.client = client;
    }

    /**
     * What is known of an object without its content.
     *
     * @param tag changes with the content
     * @param age since it was written, by the server's own clock
     * @param writer who wrote it, see {@link #putNew}; empty if that is not known
     */
    record Facts(long byteLength, String tag, Duration age, String writer) {}

    /** One object of a list. */
    record Listed(String key, Instant modified) {}

    /** The condition was not met: somebody else was there before. */
    private static boolean isRefusedByCondition(S3Exception e) {
        return e.statusCode() == PRECONDITION_FAILED || e.statusCode() == CONFLICT;
    }

    /** Facts of an object; empty if there is none. */
    Optional<Facts> facts(String key) {
        return ask("look at " + key, () -> {
            try {
                HeadObjectResponse head = client.headObject(
                        request -> request.bucket(address.bucket()).key(full(key)));
                Instant now = head.sdkHttpResponse()
                        .firstMatchingHeader("Date")
                        .map(Bucket::instant)
                        .orElseGet(Instant::now);
                return Optional.of(new Facts(
                        head.contentLength(),
                        head.eTag(),
                        Duration.between(head.lastModified(), now),
                        head.metadata().getOrDefault(WRITER, "")));
            } catch (S3Exception e) {
                if (e.statusCode() == NOT_FOUND) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }

    /** By this machine's clock nobody's lock may be called old. */
    private static StoreException timeless() {
        return new StoreException("The bucket's server does not say what time it is, so that nobody can tell whose lock"
                + " is old. Use a server that sends the header Date, or a directory.");
    }

    private static Instant instant(String date) {
        try {
            return ZonedDateTime.parse(date, DateTimeFormatter.RFC_1123_DATE_TIME)
                    .toInstant();
        } catch (DateTimeParseException _) {
            throw timeless();
        }
    }

    /** The content of a small object; empty if there is none. */
    Optional<byte[]> small(String key) {
        return ask("read " + key, () -> {
            try {
                return Optional.of(client.getObjectAsBytes(
                                request -> request.bucket(address.bucket()).key(full(key)))
                        .asByteArray());
            } catch (S3Exception e) {
                if (e.statusCode() == NOT_FOUND) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }

    /**
     * A part of an object.
     *
     * @param tag which content is meant
     * @return empty if the object has another content now, or is gone
     */
    Optional<byte[]> part(String key, String tag, long offset, int length) {
        return ask("read bytes from " + offset + " on of " + key, () -> {
            try {
                ResponseBytes<GetObjectResponse> bytes =
                        client.getObjectAsBytes(request -> request.bucket(address.bucket())
                                .key(full(key))
                                .ifMatch(tag)
                                .range("bytes=" + offset + "-" + (offset + length - 1)));
                return Optional.of(bytes.asByteArrayUnsafe());
            } catch (S3Exception e) {
                if (e.statusCode() == NOT_FOUND || e.statusCode() == PRECONDITION_FAILED) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }

    /**
     * Writes an object that is not there.
     *
     * @param writer tells this writing from others: an answer may be lost, and the request be sent again
     * @return its tag; empty if there is one already
     */
    Optional<String> putNew(String key, byte[] content, String writer) {
        return putNew(key, RequestBody.fromBytes(content), writer, true);
    }

    /** The same from a file. */
    Optional<String> putNew(String key, Path file, String writer) {
        return putNew(key, RequestBody.fromFile(file), writer, false);
    }

    private Optional<String> putNew(String key, RequestBody content, String writer, boolean soon) {
        Optional<String> tag = put(key, content, request -> {
            PutObjectRequest.Builder conditional = request.ifNoneMatch("*").metadata(Map.of(WRITER, writer));
            return soon ? conditional.overrideConfiguration(SOON) : conditional;
        });
        return tag.or(
                () -> facts(key).filter(facts -> facts.writer().equals(writer)).map(Facts::tag));
    }

    /**
     * Writes an object in the place of one with this tag.
     *
     * @return its tag; empty if another one is there, or none
     */
    Optional<String> putOver(String key, byte[] content, String tag, String writer) {
        Optional<String> next = put(
                key,
                RequestBody.fromBytes(content),
                request -> request.ifMatch(tag).metadata(Map.of(WRITER, writer)).overrideConfiguration(SOON));
        return next.or(
                () -> facts(key).filter(facts -> facts.writer().equals(writer)).map(Facts::tag));
    }

    /** Writes an object, whatever was there. */
    void putAnyway(String key, byte[] content) {
        put(key, RequestBody.fromBytes(content), request -> request.overrideConfiguration(SOON));
    }

    /** The same from a file. */
    void putAnyway(String key, Path file) {
        put(key, RequestBody.fromFile(file), request -> request);
    }

    private interface Conditions {
        PutObjectRequest.Builder add(PutObjectRequest.Builder request);
    }

    private Optional<String> put(String key, RequestBody content, Conditions conditions) {
        return ask("write " + key, () -> {
            try {
                PutObjectRequest request = conditions
                        .add(PutObjectRequest.builder().bucket(address.bucket()).key(full(key)))
                        .build();
                return Optional.of(client.putObject(request, content).eTag());
            } catch (S3Exception e) {
                if (isRefusedByCondition(e) || e.statusCode() == NOT_FOUND) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }

    /** Removes an object, if there is one. */
    void remove(String key) {
        ask(
                "remove " + key,
                () -> client.deleteObject(
                        request -> request.bucket(address.bucket()).key(full(key))));
    }

    /** All objects whose keys begin so, in the order of their keys. */
    List<Listed> list(String begin) {
        return ask("list " + (begin.isEmpty() ? "its objects" : begin), () -> {
            List<Listed> found = new ArrayList<>();
            for (S3Object object : client.listObjectsV2Paginator(
                            request -> request.bucket(address.bucket()).prefix(full(begin)))
                    .contents()) {
                found.add(new Listed(object.key().substring(address.prefix().length()), object.lastModified()));
            }
            return found;
        });
    }

    private String full(String key) {
        return address.prefix() + key;
    }

    private <T> T ask(String what, Supplier<T> question) {
        try {
            return question.get();
        } catch (S3Exception e) {
            String code = Optional.ofNullable(e.awsErrorDetails())
                    .flatMap(details -> Optional.ofNullable(details.errorCode()))
                    .orElse("no reason");
            throw new StoreException(
                    "The bucket of " + address + " does not " + what + ": it answers " + e.statusCode() + ", " + code
                            + ".",
                    e);
        } catch (SdkException e) {
            throw new StoreException(
                    "The bucket of " + address + " cannot be asked to " + what + ": " + e.getMessage(), e);
        }
    }

    @Override
    public String toString() {
        return address.toString();
    }
}
