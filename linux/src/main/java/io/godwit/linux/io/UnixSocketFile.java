// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The file of a listening unix socket. It outlives its process if that is killed; then nobody listens there, and the
 * next to listen may replace it. A socket with a listener, and any other file, is never touched.
 */
public final class UnixSocketFile {
    /** The longest path, in bytes of UTF-8. KERNEL: sun_path of unix(7) has 108, one of them for the end. */
    public static final int MAX_PATH_BYTES = 107;

    // KERNEL: S_IFMT and S_IFSOCK of inode(7).
    private static final int FILE_TYPE_MASK = 0xf000;
    private static final int FILE_TYPE_SOCKET = 0xc000;

    private final Path path;
    private final Optional<Object> identity;

    private UnixSocketFile(Path path, Optional<Object> identity) {
        this.path = path;
        this.identity = identity;
    }

    /** The file of a socket that the caller has just bound. */
    public static UnixSocketFile boundAt(Path path) {
        return new UnixSocketFile(path, identity(path));
    }

    /**
     * Makes room for a socket: removes one that nobody listens at.
     *
     * @throws NativeException EADDRINUSE if a process listens there, or what is there is no socket
     */
    public static void removeDead(Path path) {
        try {
            int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
            if ((mode & FILE_TYPE_MASK) != FILE_TYPE_SOCKET) {
                throw inUse(path, "what is there already is no socket");
            }
            if (hasListener(path)) {
                throw inUse(path, "another process listens there");
            }
            boolean _ = Files.deleteIfExists(path);
        } catch (NoSuchFileException e) {
            // Nothing is in the way.
        } catch (IOException e) {
            throw inUse(path, "what is there cannot be looked at or removed: " + e);
        }
    }

    private static boolean hasListener(Path path) {
        try {
            // A full queue of connections has an owner, so there is nothing to wait for.
            Sockets.connect(UnixDomainSocketAddress.of(path), Duration.ZERO).close();
            return true;
        } catch (NativeException e) {
            return e.errno() != Errno.ECONNREFUSED && e.errno() != Errno.ENOENT;
        }
    }

    private static NativeException inUse(Path path, String why) {
        return new NativeException("bind", Errno.EADDRINUSE.number(), path + ": " + why);
    }

    /** Removes the file, if it is still the one that was bound. Harmless when repeated. */
    public void remove() {
        if (identity.isPresent() && identity.equals(identity(path))) {
            try {
                boolean _ = Files.deleteIfExists(path);
            } catch (IOException e) {
                System.getLogger(UnixSocketFile.class.getName())
                        .log(System.Logger.Level.WARNING, "cannot remove " + path, e);
            }
        }
    }

    private static Optional<Object> identity(Path path) {
        try {
            return Optional.of(Files.getAttribute(path, "unix:dev", LinkOption.NOFOLLOW_LINKS) + ":"
                    + Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
