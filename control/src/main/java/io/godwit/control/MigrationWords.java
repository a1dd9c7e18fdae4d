// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import java.util.List;
import java.util.Optional;

/** Words that go over the wire for the engine's values, and back. */
final class MigrationWords {
    private MigrationWords() {}

    static String ownerName(GuestOwner owner) {
        return switch (owner) {
            case HERE -> "here";
            case PEER -> "peer";
            case UNDECIDED -> "undecided";
        };
    }

    /** A status by its public name. */
    static Optional<MigrationStatus> status(String publicName) {
        for (MigrationStatus status : MigrationStatus.values()) {
            if (status.publicName().equals(publicName)) {
                return Optional.of(status);
            }
        }
        return Optional.empty();
    }

    /**
     * Where to migrate, from the arguments {@code uri} or {@code channels} of {@code migrate} and {@code
     * migrate-incoming}.
     *
     * @throws QmpException if both or neither are there, or a channel is of a kind that is not known
     */
    static String uri(QmpArguments arguments) {
        Optional<String> uri = arguments.optionalString("uri");
        boolean channels = arguments.has("channels");
        if (uri.isPresent() && channels) {
            throw QmpException.generic("'uri' and 'channels' arguments are mutually exclusive; exactly one of the two"
                    + " should be present in 'migrate' qmp command ");
        }
        if (uri.isPresent()) {
            return uri.get();
        }
        if (!channels) {
            throw QmpException.generic("need either 'uri' or 'channels' argument");
        }
        List<QmpArguments> list = arguments.objects("channels");
        if (list.size() != 1) {
            throw QmpException.generic("Parameter 'channels' expects one channel of type main, not " + list.size());
        }
        QmpArguments channel = list.getFirst();
        String type = channel.string("channel-type");
        if (!type.equals("main")) {
            throw QmpException.generic("Parameter 'channel-type' does not accept value '" + type + "'");
        }
        QmpArguments address = channel.object("addr");
        channel.rejectUnexpected();
        String text = address(address);
        address.rejectUnexpected();
        return text;
    }

    private static String address(QmpArguments address) {
        String transport = address.string("transport");
        return switch (transport) {
            case "socket" -> socket(address);
            case "file" -> {
                String path = address.string("filename");
                long offset = address.optionalUnsigned("offset").orElse(0);
                yield offset == 0 ? "file:" + path : "file:" + path + ",offset=" + offset;
            }
            case "exec" -> {
                List<String> words = address.strings("args");
                if (words.size() == 3
                        && words.get(0).equals("/bin/sh")
                        && words.get(1).equals("-c")) {
                    yield "exec:" + words.get(2);
                }
                throw QmpException.generic("Parameter 'args' expects [\"/bin/sh\", \"-c\", COMMAND]");
            }
            default -> throw QmpException.generic("Parameter 'transport' does not accept value '" + transport + "'");
        };
    }

    private static String socket(QmpArguments address) {
        String type = address.string("type");
        return switch (type) {
            case "inet" -> {
                String host = address.string("host");
                yield "tcp:" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.string("port");
            }
            case "unix" -> "unix:" + address.string("path");
            case "fd" -> "fd:" + address.string("str");
            default -> throw QmpException.generic("Parameter 'type' does not accept value '" + type + "'");
        };
    }
}
