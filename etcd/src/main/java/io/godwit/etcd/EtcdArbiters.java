// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.ArbiterProvider;
import io.godwit.engine.arbiter.LeasedArbiter;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;

/**
 * Arbiters by the name {@code etcd:HOST:PORT[,HOST:PORT...][,ttl=SECONDS]}: the members of one cluster, and how long a
 * token lasts whose holder is dead.
 */
public final class EtcdArbiters implements ArbiterProvider {
    private static final int DEFAULT_TTL = 10;
    private static final int SHORTEST_TTL = 2;
    private static final int LONGEST_TTL = 600;
    private static final String TTL = "ttl=";

    /** Made by the service loader. */
    public EtcdArbiters() {}

    @Override
    public String scheme() {
        return "etcd";
    }

    @Override
    public Arbiter open(String place) {
        List<URI> members = new ArrayList<>();
        int ttl = DEFAULT_TTL;
        for (String word : place.split(",", -1)) {
            if (word.startsWith(TTL)) {
                ttl = seconds(word.substring(TTL.length()));
            } else {
                members.add(member(word));
            }
        }
        if (members.isEmpty()) {
            throw new ArbiterException("etcd: needs its members' addresses, as etcd:10.0.0.1:2379,10.0.0.2:2379.");
        }
        return new LeasedArbiter(new EtcdTokens(new EtcdMembers(members), ttl));
    }

    private static int seconds(String digits) {
        try {
            int ttl = Integer.parseInt(digits);
            if (ttl >= SHORTEST_TTL && ttl <= LONGEST_TTL) {
                return ttl;
            }
        } catch (NumberFormatException e) {
            // Told below.
        }
        throw new ArbiterException(
                "ttl=%s: a token of etcd lasts for %d to %d s.".formatted(digits, SHORTEST_TTL, LONGEST_TTL));
    }

    private static URI member(String word) {
        if (word.startsWith("https:")) {
            throw new ArbiterException(word + ": etcd over TLS is not supported; say HOST:PORT.");
        }
        try {
            URI address = URI.create(word.startsWith("http://") ? word : "http://" + word);
            if (address.getHost() != null && address.getPort() > 0) {
                return address;
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw new ArbiterException("'" + word + "' is no address of a member of etcd; say HOST:PORT.");
    }
}
