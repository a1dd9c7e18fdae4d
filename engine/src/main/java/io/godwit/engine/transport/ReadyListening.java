// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import java.util.List;
import java.util.Optional;

/** A channel that is there already: of a command, a file or a descriptor that was passed. */
final class ReadyListening implements Listening {
    private final MigrationUri address;
    private Optional<Channel> channel;

    /** Takes over the channel until it is accepted. */
    ReadyListening(MigrationUri address, Channel channel) {
        this.address = address;
        this.channel = Optional.of(channel);
    }

    @Override
    public MigrationUri address() {
        return address;
    }

    @Override
    public boolean takesMore() {
        return false;
    }

    @Override
    public Optional<Channel> accept() {
        Optional<Channel> only = channel;
        channel = Optional.empty();
        return only;
    }

    @Override
    public void await(boolean accepting, List<Channel> waiting, long timeoutNanos) {
        throw new IllegalStateException(address + " is one connection, for which nobody has to wait");
    }

    @Override
    public void wake() {}

    @Override
    public void close() {
        channel.ifPresent(Channel::close);
    }
}
