// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterProvider;
import io.godwit.engine.arbiter.LeasedArbiter;

/**
 * Arbiters by the name {@code etcd:HOST:PORT[,HOST:PORT...][,WORD=VALUE...]}: the members of one cluster, how long a
 * token lasts whose holder is dead, and how this host shows who it is.
 */
public final class EtcdArbiters implements ArbiterProvider {
    /** Made by the service loader. */
    public EtcdArbiters() {}

    @Override
    public String scheme() {
        return "etcd";
    }

    @Override
    public Arbiter open(String place) {
        EtcdPlace said = EtcdPlace.parse(place);
        return new LeasedArbiter(new EtcdTokens(new EtcdMembers(said), said.ttlSeconds()));
    }
}
