// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.lease.LeaseGrantResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.HostName;
import io.godwit.engine.arbiter.LastRun;
import io.godwit.engine.arbiter.TokenServer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Tokens as keys in etcd. {@code godwit/token/UUID} has the holder's name and lives as long as its lease; its
 * modification revision is the fencing number, which etcd counts for all keys together and never gives twice. {@code
 * godwit/run/UUID} is the record, which no lease ends.
 */
final class EtcdTokens implements TokenServer {
    private static final int RENEWAL_ROUNDS = 3;

    private final EtcdMembers members;
    private final int ttlSeconds;
    private final String self = HostName.make();
    private final Map<Integer, Long> terms = new HashMap<>();
    private Optional<Token> token = Optional.empty();

    private record Token(UUID guest, long lease, long number) {}

    /** What a renewal shows: whether the key is ours still, and in which term of a leader. */
    private record Renewal(long number, long term) {}

    EtcdTokens(EtcdMembers members, int ttlSeconds) {
        this.members = members;
        this.ttlSeconds = ttlSeconds;
    }

    @Override
    public String self() {
        return self;
    }

    @Override
    public Duration lease() {
        return Duration.ofSeconds(ttlSeconds);
    }

    @Override
    public Answer take(UUID guest, Duration limit) {
        Optional<KeyValue> held = token(guest, limit);
        if (held.isPresent() && !isOurs(held.get())) {
            return held(guest, held.get(), limit);
        }
        String what = "give the token of guest " + guest;
        LeaseGrantResponse lease = members.ask(
                        what, limit, client -> client.getLeaseClient().grant(ttlSeconds))
                .value();
        // A token that this host has from before, which it has lost count of, is taken anew with a larger number.
        CmpTarget<?> unchanged = held.<CmpTarget<?>>map(found -> CmpTarget.modRevision(found.getModRevision()))
                .orElse(CmpTarget.version(0));
        TxnResponse taking = members.ask(
                        what,
                        limit,
                        client -> client.getKVClient()
                                .txn()
                                .If(new Cmp(tokenKey(guest), Cmp.Op.EQUAL, unchanged))
                                .Then(
                                        Op.put(
                                                tokenKey(guest),
                                                bytes(self),
                                                PutOption.builder()
                                                        .withLeaseId(lease.getID())
                                                        .build()),
                                        get(runKey(guest)))
                                .Else(get(tokenKey(guest)), get(runKey(guest)))
                                .commit())
                .value();
        if (taking.isSucceeded()) {
            return taken(
                    guest,
                    lease,
                    taking.getHeader().getRevision(),
                    record(taking.getGetResponses().getFirst()));
        }
        LastRun lastRun = record(taking.getGetResponses().getLast());
        Optional<KeyValue> other = first(taking.getGetResponses().getFirst());
        if (other.isPresent() && isOurs(other.get()) && other.get().getLease() == lease.getID()) {
            // Asked twice, and the first answer was lost.
            return taken(guest, lease, other.get().getModRevision(), lastRun);
        }
        return new Answer.Held(
                other.map(EtcdTokens::holder).orElse("a host that gave it back"), lastRun, Optional.empty());
    }

    private Answer taken(UUID guest, LeaseGrantResponse lease, long number, LastRun lastRun) {
        token = Optional.of(new Token(guest, lease.getID(), number));
        return new Answer.Taken(Duration.ofSeconds(lease.getTTL()), number, lastRun);
    }

    private Answer held(UUID guest, KeyValue holder, Duration limit) {
        String what = "say who has the token of guest " + guest;
        LastRun lastRun =
                record(members.ask(what, limit, client -> client.getKVClient().get(runKey(guest)))
                        .value());
        long left = members.ask(
                        what,
                        limit,
                        client -> client.getLeaseClient().timeToLive(holder.getLease(), LeaseOption.DEFAULT))
                .value()
                .getTTL();
        return new Answer.Held(holder(holder), lastRun, Optional.of(Duration.ofSeconds(Math.max(0, left))));
    }

    private Optional<KeyValue> token(UUID guest, Duration limit) {
        return first(members.ask(
                        "say who has the token of guest " + guest,
                        limit,
                        client -> client.getKVClient().get(tokenKey(guest)))
                .value());
    }

    /**
     * {@inheritDoc}
     *
     * <p>A leader that was stopped, and does not know yet that the others have chosen another, still renews leases,
     * which is worth nothing. So a renewal counts only between two answers of the same member that its leader was
     * confirmed by most members, both in the same term.
     */
    @Override
    public boolean renew(Duration limit) {
        Token ours = token.orElseThrow(() -> new ArbiterException("the token is not held"));
        String what = "renew the token of guest " + ours.guest();
        for (int round = 0; round < RENEWAL_ROUNDS; round++) {
            EtcdMembers.Answer<Renewal> answer;
            try {
                answer = members.ask(
                        what,
                        limit,
                        client -> client.getLeaseClient()
                                .keepAliveOnce(ours.lease())
                                .thenCompose(_ -> client.getKVClient().get(tokenKey(ours.guest())))
                                .thenApply(EtcdTokens::renewal));
            } catch (ArbiterException e) {
                if (token(ours.guest(), limit).map(KeyValue::getModRevision).orElse(0L) != ours.number()) {
                    return false;
                }
                throw e;
            }
            if (answer.value().number() != ours.number()) {
                return false;
            }
            long term = answer.value().term();
            if (Long.valueOf(term).equals(terms.put(answer.member(), term))) {
                return true;
            }
        }
        throw new ArbiterException("etcd cannot " + what + ": its leader changes all the time");
    }

    private static Renewal renewal(GetResponse found) {
        return new Renewal(
                first(found).map(KeyValue::getModRevision).orElse(0L),
                found.getHeader().getRaftTerm());
    }

    @Override
    public boolean record(LastRun run, Duration limit) {
        Token ours = token.orElseThrow(() -> new ArbiterException("the token is not held"));
        ByteSequence content =
                bytes(run.host() + "\n" + run.protection().map(UUID::toString).orElse(""));
        return members.ask(
                        "write the record of guest " + ours.guest(),
                        limit,
                        client -> client.getKVClient()
                                .txn()
                                .If(new Cmp(tokenKey(ours.guest()), Cmp.Op.EQUAL, CmpTarget.modRevision(ours.number())))
                                .Then(Op.put(runKey(ours.guest()), content, PutOption.DEFAULT))
                                .commit())
                .value()
                .isSucceeded();
    }

    /** {@inheritDoc} The key goes with its lease. */
    @Override
    public void giveBack(Duration limit) {
        if (token.isPresent()) {
            Token ours = token.get();
            token = Optional.empty();
            String what = "take back the token of guest " + ours.guest();
            EtcdMembers.Answer<?> _ =
                    members.ask(what, limit, client -> client.getLeaseClient().revoke(ours.lease()));
        }
    }

    @Override
    public void close() {
        members.close();
    }

    private boolean isOurs(KeyValue held) {
        return holder(held).equals(self);
    }

    private static String holder(KeyValue held) {
        return held.getValue().toString(UTF_8);
    }

    private static Optional<KeyValue> first(GetResponse found) {
        List<KeyValue> values = found.getKvs();
        return values.isEmpty() ? Optional.empty() : Optional.of(values.getFirst());
    }

    private static LastRun record(GetResponse found) {
        return first(found)
                .map(value -> record(value.getValue().toString(UTF_8)))
                .orElse(LastRun.NEVER);
    }

    private static LastRun record(String content) {
        String[] lines = content.split("\n", 2);
        try {
            Optional<UUID> protection =
                    lines.length < 2 || lines[1].isEmpty() ? Optional.empty() : Optional.of(UUID.fromString(lines[1]));
            return new LastRun(lines[0], protection);
        } catch (IllegalArgumentException e) {
            throw new ArbiterException(
                    "the record in etcd is '" + content + "', which no host of Godwit has written", e);
        }
    }

    private static Op get(ByteSequence key) {
        return Op.get(key, GetOption.DEFAULT);
    }

    private static ByteSequence tokenKey(UUID guest) {
        return bytes("godwit/token/" + guest);
    }

    private static ByteSequence runKey(UUID guest) {
        return bytes("godwit/run/" + guest);
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }
}
