// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.io.UnixSocketFile;
import java.net.Inet6Address;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Where a migration stream goes to or comes from, in QEMU's spelling. */
public sealed interface MigrationUri {
    /** LIMIT: the longest name that the name system has. */
    int MAX_HOST_CHARACTERS = 253;

    /**
     * {@code tcp:HOST:PORT}; port 0 at the destination takes a free one. IPv6 addresses stand in brackets.
     *
     * @param host empty = all addresses of this machine at the destination, this machine at the source
     */
    record Tcp(String host, int port) implements MigrationUri {
        @Override
        public String toString() {
            return "tcp:" + hostAndPort(host, port);
        }
    }

    /** {@code unix:PATH}. */
    record Unix(Path path) implements MigrationUri {
        @Override
        public String toString() {
            return "unix:" + path;
        }
    }

    /**
     * {@code fd:NAME}: one of {@link Descriptors}, by the number it was inherited as or by the name it was passed with.
     */
    record Fd(String name) implements MigrationUri {
        @Override
        public String toString() {
            return "fd:" + name;
        }
    }

    /** {@code exec:COMMAND}: run by /bin/sh, the stream on its standard input (source) or output (destination). */
    record Exec(String command) implements MigrationUri {
        @Override
        public String toString() {
            return "exec:" + command;
        }
    }

    /** {@code file:PATH[,offset=N]}. */
    record File(Path path, long offset) implements MigrationUri {
        @Override
        public String toString() {
            return "file:" + path + (offset == 0 ? "" : ",offset=" + offset);
        }
    }

    /** A host and a port in one word. */
    static String hostAndPort(String host, int port) {
        return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }

    /**
     * Reads a URI.
     *
     * @throws MigrationException.Refused if it is none that Godwit knows, saying what would be
     */
    static MigrationUri parse(String uri) {
        int colon = uri.indexOf(':');
        String scheme = colon < 0 ? uri : uri.substring(0, colon);
        String rest = colon < 0 ? "" : uri.substring(colon + 1);
        if (rest.isEmpty()) {
            throw refused(uri, "expected tcp:HOST:PORT, unix:PATH, fd:NAME, exec:COMMAND or file:PATH[,offset=N]");
        }
        return switch (scheme) {
            case "tcp" -> parseTcp(uri, rest);
            case "unix" -> parseUnix(uri, rest);
            case "fd" -> parseFd(uri, rest);
            case "exec" -> new Exec(rest);
            case "file" -> parseFile(uri, rest);
            default -> throw refused(uri, "the transport '" + scheme + "' is not one of tcp, unix, fd, exec, file");
        };
    }

    private static Tcp parseTcp(String uri, String rest) {
        int portColon = rest.lastIndexOf(':');
        if (portColon < 0) {
            throw refused(uri, "tcp:HOST:PORT needs a port");
        }
        String host = parseHost(uri, rest.substring(0, portColon));
        return new Tcp(host, (int) parseNumber(uri, "port", rest.substring(portColon + 1), 0, 65535));
    }

    private static String parseHost(String uri, String host) {
        if (host.startsWith("[") && host.endsWith("]")) {
            String literal = host.substring(1, host.length() - 1);
            try {
                var _ = Inet6Address.ofLiteral(literal);
                return literal;
            } catch (IllegalArgumentException e) {
                throw new MigrationException.Refused(
                        "migration URI '" + uri + "': '" + literal + "' is no IPv6 address", e);
            }
        }
        if (host.contains(":")) {
            throw refused(uri, "an IPv6 address stands in brackets, as in tcp:[fd00::1]:4444");
        }
        if (host.length() > MAX_HOST_CHARACTERS || !host.chars().allMatch(MigrationUri::isOfHost)) {
            throw refused(
                    uri,
                    "the host is none: letters, digits, '-', '.' and '_' make one, " + MAX_HOST_CHARACTERS
                            + " of them at most");
        }
        return host;
    }

    private static boolean isOfHost(int character) {
        return Character.isLetterOrDigit(character) || "-._".indexOf(character) >= 0;
    }

    private static Unix parseUnix(String uri, String rest) {
        int bytes = rest.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > UnixSocketFile.MAX_PATH_BYTES) {
            throw refused(
                    uri,
                    "the path has " + bytes + " bytes, and a socket's has " + UnixSocketFile.MAX_PATH_BYTES
                            + " at most; use a shorter directory");
        }
        return new Unix(parsePath(uri, rest));
    }

    private static Fd parseFd(String uri, String rest) {
        if (Character.isDigit(rest.charAt(0))) {
            long _ = parseNumber(uri, "descriptor", rest, 0, Integer.MAX_VALUE);
        }
        return new Fd(rest);
    }

    private static File parseFile(String uri, String rest) {
        int option = rest.lastIndexOf(",offset=");
        if (option < 0) {
            return new File(parsePath(uri, rest), 0);
        }
        String number = rest.substring(option + ",offset=".length());
        return new File(
                parsePath(uri, rest.substring(0, option)), parseNumber(uri, "offset", number, 0, Long.MAX_VALUE));
    }

    private static Path parsePath(String uri, String path) {
        try {
            return Path.of(path);
        } catch (InvalidPathException e) {
            throw new MigrationException.Refused("migration URI '" + uri + "': the path is none: " + e.getReason(), e);
        }
    }

    private static long parseNumber(String uri, String what, String digits, long min, long max) {
        try {
            long value = digits.startsWith("0x") ? Long.parseLong(digits.substring(2), 16) : Long.parseLong(digits);
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new MigrationException.Refused(
                    "migration URI '" + uri + "': " + what + " '" + digits + "' is no number", e);
        }
        throw refused(uri, what + " " + digits + " must be from " + min + " to " + max);
    }

    private static MigrationException.Refused refused(String uri, String why) {
        return new MigrationException.Refused("migration URI '" + uri + "': " + why);
    }
}
