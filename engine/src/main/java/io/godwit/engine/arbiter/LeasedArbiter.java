// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Lock;

/**
 * An arbiter whose tokens are kept by a {@link TokenServer} and end by themselves unless they are renewed. It renews
 * the token that this host has, and tells its loss a {@linkplain #margin margin} before it can end.
 *
 * <p>How long a token lasts is counted on this host's own clock, from before a request was sent. So a late answer makes
 * it shorter, never longer, and nobody's time of day matters. The server's clock and this host's may differ in rate by
 * what the margin allows for.
 *
 * <p>Threads: as {@link Arbiter}; {@code arbiter-lease} renews, and tells the loss.
 */
public final class LeasedArbiter implements Arbiter {
    private static final System.Logger LOG = System.getLogger(LeasedArbiter.class.getName());
    private static final int RENEWALS_IN_A_LEASE = 5;
    private static final int MARGINS_IN_A_LEASE = 4;
    private static final int LOOKS_IN_A_LEASE = 100;

    /** LIMIT: how late it is seen that a token has gone to which nothing could be recorded. */
    private static final long MOST_LOOK_NANOS = 50_000_000;

    private static final long RETRY_NANOS = 50_000_000;
    // A server may look for tokens that have ended only now and then.
    private static final Duration SERVER_DELAY = Duration.ofSeconds(1);

    private final TokenServer server;
    private final Environment environment;
    private final Lock wire;
    private volatile Optional<Token> token = Optional.empty();
    private volatile long fencingNumber;
    private volatile Runnable lost = () -> {};

    /** A token that this host has taken. */
    private static final class Token {
        private final Duration lease;
        private volatile LastRun lastRun;
        private volatile long sentNanos;
        private volatile boolean gone;
        private volatile String reason = "it was not renewed in time";
        private final AtomicBoolean ended = new AtomicBoolean();

        Token(Duration lease, LastRun lastRun, long sentNanos) {
            this.lease = lease;
            this.lastRun = lastRun;
            this.sentNanos = sentNanos;
        }

        /** Given back, lost or replaced: whether that is so by this call, which is true for one caller only. */
        boolean end() {
            return ended.compareAndSet(false, true);
        }

        /** Whether the guest may run with it. */
        boolean lasts(long nowNanos) {
            return !gone
                    && !ended.get()
                    && nowNanos - sentNanos < lease.minus(margin(lease)).toNanos();
        }
    }

    /** An arbiter that asks {@code server}, which it closes in the end; its clock goes on while the machine sleeps. */
    public LeasedArbiter(TokenServer server) {
        this(server, Environment.of(MonotonicClock.SINCE_BOOT));
    }

    /** The same in another environment than the process itself. */
    public LeasedArbiter(TokenServer server, Environment environment) {
        this.server = server;
        this.environment = environment;
        this.wire = environment.newLock();
    }

    /**
     * How long before its end a token that was not renewed is given up: in this time the vCPUs come to a stop, and
     * clocks that run at different rates drift apart.
     */
    public static Duration margin(Duration lease) {
        return lease.dividedBy(MARGINS_IN_A_LEASE);
    }

    @Override
    public Claim claim(UUID guest, Duration patience) {
        Optional<Token> held = token.filter(taken -> taken.lasts(now()));
        if (held.isPresent()) {
            return new Claim.Won(held.get().lastRun);
        }
        token.ifPresent(Token::end);
        long begin = now();
        long answered = begin;
        Optional<HolderWatch> watch = Optional.empty();
        while (true) {
            long sent = now();
            try {
                switch (ask(limit -> server.take(guest, limit))) {
                    case TokenServer.Answer.Taken taken -> {
                        return install(taken, sent);
                    }
                    case TokenServer.Answer.Held other -> {
                        answered = now();
                        HolderWatch watched = watch.orElse(new HolderWatch(other, now()));
                        watch = Optional.of(watched);
                        boolean patient = now() - begin < patience.toNanos();
                        if (patience.isZero() || (!patient && watched.livesOrLivedTooLong(other, now()))) {
                            return new Claim.Lost(other.holder(), other.lastRun());
                        }
                    }
                }
            } catch (ArbiterException e) {
                // Who waits for the end of a lease does not give up because one answer is missing.
                if (patience.isZero()
                        || now() - answered
                                >= patience.plus(margin(server.lease())).toNanos()) {
                    throw e;
                }
            }
            environment.pause(RETRY_NANOS);
        }
    }

    /** What is seen of a holder while its token is waited for. */
    private final class HolderWatch {
        private final TokenServer.Answer.Held first;
        private final long sinceNanos;
        private final long endNanos;

        HolderWatch(TokenServer.Answer.Held first, long nowNanos) {
            this.first = first;
            sinceNanos = nowNanos;
            Duration lease = server.lease();
            endNanos = first.left()
                    .orElse(lease)
                    .plus(margin(lease))
                    .plus(SERVER_DELAY)
                    .toNanos();
        }

        /** Whether the token would have ended by now if its holder were dead. */
        boolean livesOrLivedTooLong(TokenServer.Answer.Held now, long nowNanos) {
            long passed = nowNanos - sinceNanos;
            long expected = Math.max(0, first.left().orElse(Duration.ZERO).toNanos() - passed);
            boolean renewed = now.left().orElse(Duration.ZERO).toNanos() > expected + SERVER_DELAY.toNanos();
            return renewed || !now.holder().equals(first.holder()) || passed >= endNanos;
        }
    }

    private Claim install(TokenServer.Answer.Taken taken, long sentNanos) {
        Token ours = new Token(taken.lease(), taken.lastRun(), sentNanos);
        if (!ours.lasts(now())) {
            giveBack();
            throw new ArbiterException("taking the token took longer than its lease of "
                    + taken.lease().toMillis() + " ms allows; it is given back");
        }
        Worker _ = environment.start(ThreadRole.LEASE, () -> watch(ours));
        Worker _ = environment.start(ThreadRole.RENEWAL, () -> renew(ours));
        fencingNumber = taken.fencingNumber();
        token = Optional.of(ours);
        return new Claim.Won(taken.lastRun());
    }

    /** Tells of the loss when it is due, whatever the server does meanwhile. */
    private void watch(Token ours) {
        long look =
                Math.min(MOST_LOOK_NANOS, ours.lease.dividedBy(LOOKS_IN_A_LEASE).toNanos());
        while (ours.lasts(now())) {
            // In short pieces: where the machine has slept, its clock has gone on and waits have not.
            environment.pause(look);
        }
        tellLoss(ours);
    }

    private void tellLoss(Token ours) {
        if (ours.end()) {
            LOG.log(System.Logger.Level.ERROR, "the token of a guest is lost: {0}", ours.reason);
            lost.run();
        }
    }

    /** Renews a token until it is given back, or lost. */
    private void renew(Token ours) {
        long interval = ours.lease.dividedBy(RENEWALS_IN_A_LEASE).toNanos();
        long look = ours.lease.dividedBy(LOOKS_IN_A_LEASE).toNanos();
        long triedNanos = ours.sentNanos;
        while (ours.lasts(now())) {
            if (now() - triedNanos < interval) {
                environment.pause(look);
                continue;
            }
            triedNanos = now();
            try {
                if (ask(server::renew)) {
                    ours.sentNanos = triedNanos;
                } else {
                    ours.reason = "it has ended, or somebody took it away";
                    ours.gone = true;
                    // At once: another host may have it already.
                    tellLoss(ours);
                }
            } catch (ArbiterException e) {
                ours.reason = String.valueOf(e.getMessage());
                // Soon again, for an answer may come from another server.
                triedNanos = now() - interval + look;
            }
        }
    }

    @Override
    public void recordRun(Optional<UUID> protection) {
        Token ours = token.filter(taken -> taken.lasts(now()))
                .orElseThrow(() -> new ArbiterException("the token is not held, so no run can be recorded"));
        LastRun run = new LastRun(self(), protection);
        if (!ask(limit -> server.record(run, limit))) {
            ours.gone = true;
            throw new ArbiterException("the token was lost before a run could be recorded");
        }
        ours.lastRun = run;
    }

    @Override
    public long fencingNumber() {
        return fencingNumber;
    }

    @Override
    public void watchLoss(Runnable onLoss) {
        lost = onLoss;
    }

    @Override
    public void release() {
        if (token.filter(Token::end).isPresent()) {
            giveBack();
        }
        token = Optional.empty();
    }

    private void giveBack() {
        try {
            boolean _ = ask(limit -> {
                server.giveBack(limit);
                return true;
            });
        } catch (ArbiterException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "a token could not be given back and lasts for up to {0} ms more: {1}",
                    server.lease().toMillis(),
                    e.getMessage());
        }
    }

    @Override
    public boolean held() {
        return token.filter(taken -> taken.lasts(now())).isPresent();
    }

    @Override
    public String self() {
        return server.self();
    }

    @Override
    public void close() {
        release();
        server.close();
    }

    private interface Question<T> {
        T answer(Duration limit);
    }

    /** One request at a time, none of which holds up the next renewal for long. */
    private <T> T ask(Question<T> question) {
        wire.lock();
        try {
            return question.answer(server.lease().dividedBy(RENEWALS_IN_A_LEASE));
        } finally {
            wire.unlock();
        }
    }

    private long now() {
        return environment.clock().nanoTime();
    }
}
