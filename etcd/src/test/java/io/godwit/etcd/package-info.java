// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Tests with a cluster of etcd on this machine. */
@NullMarked
package io.godwit.etcd;

import org.jspecify.annotations.NullMarked;
