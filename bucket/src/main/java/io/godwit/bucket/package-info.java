// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** A store's objects in a bucket that speaks S3. */
@NullMarked
package io.godwit.bucket;

import org.jspecify.annotations.NullMarked;
