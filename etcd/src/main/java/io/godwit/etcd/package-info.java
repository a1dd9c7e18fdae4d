// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The right to run a guest as a key in etcd, for hosts on several machines. Read {@link io.godwit.etcd.EtcdTokens}
 * first; what is not etcd's is in {@link io.godwit.engine.arbiter.LeasedArbiter}.
 */
@NullMarked
package io.godwit.etcd;

import org.jspecify.annotations.NullMarked;
