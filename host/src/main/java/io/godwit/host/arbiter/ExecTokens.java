// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host.arbiter;

import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.HostName;
import io.godwit.engine.arbiter.LastRun;
import io.godwit.engine.arbiter.TokenServer;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/**
 * Tokens that a program keeps, a cluster's own fencing agent say. It is called with {@code claim}, {@code renew},
 * {@code record} and {@code release}; docs/arbiter.md has the contract.
 */
final class ExecTokens implements TokenServer {
    private static final Duration FIRST_LEASE = Duration.ofSeconds(10);

    private final String command;
    private final String self = HostName.make();
    private Optional<Token> token = Optional.empty();
    private volatile Duration lease = FIRST_LEASE;
    private long highestNumber;

    private record Token(UUID guest, long number) {}

    ExecTokens(String command) {
        if (command.isBlank()) {
            throw new ArbiterException("exec: needs a command, which is called with claim, renew, record and release.");
        }
        this.command = command;
    }

    @Override
    public String self() {
        return self;
    }

    @Override
    public Duration lease() {
        return lease;
    }

    @Override
    public Answer take(UUID guest, Duration limit) {
        AgentCall call = AgentCall.run(command, limit, "claim", guest.toString(), self);
        LastRun lastRun = call.lastRun();
        if (!call.agrees()) {
            return new Answer.Held(
                    call.text("holder").orElse("a host that the program does not name"), lastRun, Optional.empty());
        }
        Duration granted = call.lease();
        long number = call.fencingNumber();
        if (number <= highestNumber) {
            throw call.refused("it gave the number %d although it had given %d before; numbers must grow"
                    .formatted(number, highestNumber));
        }
        highestNumber = number;
        lease = granted;
        token = Optional.of(new Token(guest, number));
        return new Answer.Taken(granted, number, lastRun);
    }

    @Override
    public boolean renew(Duration limit) {
        return call("renew", limit).agrees();
    }

    @Override
    public boolean record(LastRun run, Duration limit) {
        return call("record", limit, run.protection().map(UUID::toString).orElse("-"))
                .agrees();
    }

    @Override
    public void giveBack(Duration limit) {
        if (token.isPresent()) {
            // Who had it no more has nothing to give back.
            boolean _ = call("release", limit).agrees();
            token = Optional.empty();
        }
    }

    @Override
    public void close() {}

    private AgentCall call(String action, Duration limit, String... more) {
        Token ours = token.orElseThrow(() -> new ArbiterException("the token is not held"));
        String[] words = new String[4 + more.length];
        words[0] = action;
        words[1] = ours.guest().toString();
        words[2] = self;
        words[3] = Long.toString(ours.number());
        System.arraycopy(more, 0, words, 4, more.length);
        return AgentCall.run(command, limit, words);
    }
}
