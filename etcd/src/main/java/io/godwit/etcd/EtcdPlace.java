// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import io.godwit.engine.arbiter.ArbiterException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an operator says of a cluster: {@code HOST:PORT[,HOST:PORT...]} and words as {@code ttl=SECONDS}.
 *
 * @param members their addresses, all with {@code http} or all with {@code https}
 * @param ttlSeconds how long a token lasts whose holder is dead
 * @param ca whose certificates members have; empty: whoever the JVM trusts
 * @param certificate with which this host shows who it is
 * @param user as whom this host asks
 */
record EtcdPlace(
        List<URI> members, int ttlSeconds, Optional<Path> ca, Optional<Certificate> certificate, Optional<User> user) {
    /** A chain of certificates and the key of the first one, in PEM. */
    record Certificate(Path chain, Path key) {}

    /** A user of etcd. */
    record User(String name, String password) {
        /** Without the password. */
        @Override
        public String toString() {
            return name;
        }
    }

    private static final int DEFAULT_TTL = 10;
    private static final int SHORTEST_TTL = 2;
    private static final int LONGEST_TTL = 600;
    private static final List<String> WORDS = List.of("ttl", "ca", "cert", "key", "user", "password-file");

    /**
     * Reads it.
     *
     * @throws ArbiterException with a sentence, if something of it cannot be
     */
    static EtcdPlace parse(String place) {
        List<String> addresses = new ArrayList<>();
        Map<String, String> words = new HashMap<>();
        for (String word : place.split(",", -1)) {
            int equals = word.indexOf('=');
            String name = equals < 0 ? "" : word.substring(0, equals);
            if (equals < 0) {
                addresses.add(word);
            } else if (!WORDS.contains(name)) {
                throw new ArbiterException(
                        "etcd: there is no " + name + "=; it knows " + String.join("=, ", WORDS) + "=.");
            } else if (words.put(name, word.substring(equals + 1)) != null) {
                throw new ArbiterException("etcd: " + name + "= is there twice.");
            }
        }
        if (addresses.isEmpty()) {
            throw new ArbiterException("etcd: needs its members' addresses, as etcd:10.0.0.1:2379,10.0.0.2:2379.");
        }
        Optional<Path> ca = file(words, "ca");
        boolean secure = ca.isPresent() || addresses.getFirst().startsWith("https:");
        Optional<Certificate> certificate = both(words, "cert", "key")
                ? Optional.of(new Certificate(
                        file(words, "cert").orElseThrow(), file(words, "key").orElseThrow()))
                : Optional.empty();
        if (certificate.isPresent() && !secure) {
            throw new ArbiterException("etcd: cert= is for members with TLS; say https://HOST:PORT or ca=FILE.");
        }
        Optional<User> user = both(words, "user", "password-file")
                ? Optional.of(new User(
                        words.getOrDefault("user", ""),
                        read(file(words, "password-file").orElseThrow())))
                : Optional.empty();
        return new EtcdPlace(
                addresses.stream().map(address -> member(address, secure)).toList(),
                ttl(words.getOrDefault("ttl", Integer.toString(DEFAULT_TTL))),
                ca,
                certificate,
                user);
    }

    /** Whether members are asked over TLS. */
    boolean isSecure() {
        return members.getFirst().getScheme().equals("https");
    }

    private static boolean both(Map<String, String> words, String one, String other) {
        if (words.containsKey(one) != words.containsKey(other)) {
            throw new ArbiterException(
                    "etcd: " + one + "= and " + other + "= belong together; one of them is missing.");
        }
        return words.containsKey(one);
    }

    private static Optional<Path> file(Map<String, String> words, String name) {
        Optional<Path> file = Optional.ofNullable(words.get(name)).map(Path::of);
        if (file.isPresent() && !Files.isReadable(file.get())) {
            throw new ArbiterException(
                    "etcd: " + name + "=" + file.get() + ": there is no such file, or it cannot be read.");
        }
        return file;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file).stripTrailing();
        } catch (IOException e) {
            throw new ArbiterException("etcd: password-file=" + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static int ttl(String digits) {
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

    private static URI member(String word, boolean secure) {
        String scheme = secure ? "https" : "http";
        try {
            URI address = URI.create(word.contains("://") ? word : scheme + "://" + word);
            if (address.getUserInfo() != null) {
                throw new ArbiterException(
                        "etcd: an address of a member has no user and no password; say user=NAME,password-file=FILE.");
            }
            if (address.getHost() != null && address.getPort() > 0) {
                if (!scheme.equals(address.getScheme())) {
                    throw new ArbiterException("'" + word + "': members are asked all with TLS or all without it.");
                }
                return address;
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw new ArbiterException("'" + word + "' is no address of a member of etcd; say HOST:PORT.");
    }
}
