// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.store.StoreException;
import java.util.regex.Pattern;

/**
 * Where a store lies: {@code s3://BUCKET} or {@code s3://BUCKET/PREFIX}.
 *
 * @param bucket its name
 * @param prefix what the keys of all objects begin with: empty, or with a slash at its end
 */
record BucketAddress(String bucket, String prefix) {
    static final String SCHEME = "s3";

    private static final String BEGIN = SCHEME + "://";
    private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
    private static final Pattern PREFIX = Pattern.compile("([A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/){0,16}");

    /**
     * Reads it.
     *
     * @throws StoreException with a sentence, if it cannot be one
     */
    static BucketAddress parse(String text) {
        String rest = text.startsWith(BEGIN) ? text.substring(BEGIN.length()) : "";
        int slash = rest.indexOf('/');
        String bucket = slash < 0 ? rest : rest.substring(0, slash);
        String path = slash < 0 ? "" : rest.substring(slash + 1);
        String prefix = path.isEmpty() || path.endsWith("/") ? path : path + "/";
        if (!BUCKET.matcher(bucket).matches()) {
            throw new StoreException("'" + text + "' is no s3://BUCKET/PREFIX: the name of a bucket has 3 to 63 small"
                    + " letters, digits, dots and hyphens.");
        }
        if (!PREFIX.matcher(prefix).matches()) {
            throw new StoreException("'" + text + "' is no s3://BUCKET/PREFIX: a prefix has up to 16 parts of 1 to 64"
                    + " letters, digits, dots, underscores and hyphens, and no part begins with a dot.");
        }
        return new BucketAddress(bucket, prefix);
    }

    @Override
    public String toString() {
        return BEGIN + bucket + (prefix.isEmpty() ? "" : "/" + prefix.substring(0, prefix.length() - 1));
    }
}
