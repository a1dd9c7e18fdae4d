// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.store.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Objects as files of a directory. Locks are flock(2), so they end with their process. */
public final class DirectoryPlace implements ObjectPlace {
    private static final String LOCK = "lock";
    private static final String UNFINISHED = "unfinished";
    private static final String INDEX = "index";
    private static final String FORMAT_DRAFT = StoreFormat.FILE + ".new";

    private final Path root;

    private DirectoryPlace(Path root) {
        this.root = root;
    }

    /** The objects below a directory, which need not be there. */
    public static DirectoryPlace of(Path root) {
        return new DirectoryPlace(root);
    }

    @Override
    public Optional<byte[]> format() {
        Path file = root.resolve(StoreFormat.FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try (InputStream in = Files.newInputStream(file)) {
            return Optional.of(in.readNBytes(StoreFormat.MAX_BYTES + 1));
        } catch (IOException e) {
            throw StoreFiles.failure(file + " cannot be read", e);
        }
    }

    /** {@inheritDoc} Directories are for their owner only: guests' memory will lie there. */
    @Override
    public void begin(byte[] format) {
        requireNothing();
        var owner = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        try {
            Path _ = Files.createDirectories(root, owner);
            for (String folder : folders()) {
                Path _ = Files.createDirectories(root.resolve(folder), owner);
            }
            StoreFiles.syncDirectory(root);
            Path draft = root.resolve(FORMAT_DRAFT);
            try (FileChannel channel = StoreFiles.openNew(draft)) {
                int _ = channel.write(ByteBuffer.wrap(format));
                channel.force(true);
            }
            Path _ = Files.move(draft, root.resolve(StoreFormat.FILE), StandardCopyOption.ATOMIC_MOVE);
            StoreFiles.syncDirectory(root);
        } catch (IOException e) {
            throw StoreFiles.failure("The store " + root + " cannot be made", e);
        }
    }

    /** What a store that was begun and not finished has does not count. */
    private void requireNothing() {
        if (!Files.exists(root)) {
            return;
        }
        Set<String> begun = new HashSet<>(folders());
        begun.add(FORMAT_DRAFT);
        if (!Files.isDirectory(root)) {
            throw new StoreException("The store " + root + " cannot be made: that is no directory.");
        }
        Optional<String> other =
                names("").stream().filter(name -> !begun.contains(name)).findFirst();
        if (other.isPresent()) {
            throw new StoreException(root + " is no store, and it is not empty: it has " + other.get()
                    + ". A store is made in a new or an empty directory.");
        }
    }

    private static List<String> folders() {
        return List.of(ObjectName.Kind.PACK.folder(), ObjectName.Kind.SNAPSHOT.folder(), UNFINISHED);
    }

    @Override
    public NewObject create(ObjectName name) {
        return NewFile.begin(
                name, root.resolve(UNFINISHED).resolve(name.key() + name.kind().suffix()), path(name));
    }

    @Override
    public StoredObject open(ObjectName name) {
        return StoredFile.open(name, path(name));
    }

    @Override
    public boolean has(ObjectName name) {
        return Files.exists(path(name));
    }

    @Override
    public List<String> list(ObjectName.Kind kind) {
        return names(kind.folder()).stream()
                .filter(name -> name.endsWith(kind.suffix()))
                .map(name -> name.substring(0, name.length() - kind.suffix().length()))
                .sorted()
                .toList();
    }

    @Override
    public List<String> strangers() {
        List<String> found = new ArrayList<>();
        for (String folder : List.of(ObjectName.Kind.PACK.folder(), ObjectName.Kind.SNAPSHOT.folder())) {
            names(folder).stream()
                    .filter(name -> Stream.of(ObjectName.Kind.values())
                            .noneMatch(kind -> kind.folder().equals(folder) && name.endsWith(kind.suffix())))
                    .forEach(name -> found.add(folder + "/" + name));
        }
        Set<String> known = Set.of(
                StoreFormat.FILE,
                LOCK,
                INDEX,
                UNFINISHED,
                ObjectName.Kind.PACK.folder(),
                ObjectName.Kind.SNAPSHOT.folder());
        names("").stream().filter(name -> !known.contains(name)).forEach(found::add);
        return found;
    }

    private List<String> names(String folder) {
        try (Stream<Path> files = Files.list(root.resolve(folder))) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw StoreFiles.failure("The store's directory " + root.resolve(folder) + " cannot be listed", e);
        }
    }

    @Override
    public void remove(ObjectName name) {
        try {
            Files.delete(path(name));
            StoreFiles.syncDirectory(path(name).resolveSibling(""));
        } catch (IOException e) {
            throw StoreFiles.failure(path(name) + " cannot be removed", e);
        }
    }

    @Override
    public Hold lockForWriting() {
        Path path = root.resolve(LOCK);
        Descriptor file = openLock(path);
        if (!file.tryLockExclusive()) {
            file.close();
            throw new StoreException("The store " + root
                    + " is being written or collected by another process, which holds " + path
                    + "; try again when it has ended. Reading is possible meanwhile.");
        }
        return file::close;
    }

    private static Descriptor openLock(Path path) {
        try {
            return io.godwit.linux.io.Files.openForLock(path);
        } catch (NativeException e) {
            throw new StoreException("The store's lock " + path + " cannot be opened: " + e.getMessage() + ".", e);
        }
    }

    @Override
    public Hold holdForReading(ObjectName name) {
        return hold(name, false);
    }

    @Override
    public Hold lockForRemoval(ObjectName name) {
        return hold(name, true);
    }

    /** A file that was removed before it was locked is none any more: what counts is the one that has the name now. */
    private Hold hold(ObjectName name, boolean exclusive) {
        Path path = path(name);
        while (true) {
            if (!Files.exists(path)) {
                throw missing(name);
            }
            Descriptor file;
            try {
                file = io.godwit.linux.io.Files.openForRead(path, 0);
            } catch (NativeException e) {
                if (!Files.exists(path)) {
                    throw missing(name);
                }
                throw new StoreException(path + " cannot be opened: " + e.getMessage() + ".", e);
            }
            if (!(exclusive ? file.tryLockExclusive() : file.tryLockShared())) {
                file.close();
                throw new StoreException(
                        exclusive
                                ? path + " is being read by another process, and stays."
                                : path + " is being removed by another process.");
            }
            if (isStill(path, file)) {
                return file::close;
            }
            file.close();
        }
    }

    private static boolean isStill(Path path, Descriptor file) {
        try {
            Object locked = Files.getAttribute(Path.of("/proc/self/fd/" + file.number()), "unix:ino");
            return locked.equals(Files.getAttribute(path, "unix:ino"));
        } catch (IOException _) {
            return false;
        }
    }

    private StoreException missing(ObjectName name) {
        return new StoreException("There is no " + path(name) + ".");
    }

    @Override
    public Path scratch() {
        return root.resolve(UNFINISHED);
    }

    @Override
    public Path index() {
        return root.resolve(INDEX);
    }

    @Override
    public void clearUnfinished() {
        try {
            for (String name : names(UNFINISHED)) {
                Files.delete(root.resolve(UNFINISHED).resolve(name));
            }
        } catch (IOException e) {
            throw StoreFiles.failure(root.resolve(UNFINISHED) + " cannot be emptied", e);
        }
    }

    private Path path(ObjectName name) {
        return root.resolve(name.path());
    }

    @Override
    public String toString() {
        return root.toString();
    }
}
