// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.linux.process.BootTime;
import io.godwit.store.StoreException;
import io.godwit.store.objects.DirectoryPlace;
import io.godwit.store.objects.NewObject;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StoreFiles;
import io.godwit.store.objects.StoreFormat;
import io.godwit.store.objects.StoredObject;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Objects in a bucket. Locks are objects too: {@code lock} of the writer, {@code holds/SNAPSHOT/} of readers, {@code
 * removals/SNAPSHOT} of who removes. The bucket must honour the conditions of a PUT ({@code If-None-Match}, {@code
 * If-Match}), and show what was written to whoever asks after that, as Amazon's does. What a writer needs on a disk is
 * in a directory of this machine.
 *
 * <p>Reader and remover each write their own object before they look for the other's, so that one of them sees it.
 */
final class BucketPlace implements ObjectPlace {
    private static final String LOCK = "lock";
    private static final String HOLDS = "holds/";
    private static final String REMOVALS = "removals/";
    private static final String UNFINISHED = "unfinished";

    /** No content has it. */
    private static final String NO_TAG = "\"00000000000000000000000000000000\"";

    private final BucketAddress address;
    private final Bucket bucket;
    private final Path cache;
    private final Lease.Terms terms;
    private final DirectoryPlace local;
    private volatile Optional<Lease> writing = Optional.empty();

    /**
     * A place.
     *
     * @param cache a directory for a writer's index and drafts, of this bucket only
     * @param terms of its locks, the same for all who use the store
     */
    BucketPlace(BucketAddress address, Bucket bucket, Path cache, Lease.Terms terms) {
        this.address = address;
        this.bucket = bucket;
        this.cache = cache;
        this.terms = terms;
        local = DirectoryPlace.of(cache);
    }

    /**
     * The directory for what belongs to a store in a bucket and lies on this machine.
     *
     * @param endpoint a server that is not Amazon's, whose buckets have nothing to do with others of the same name
     */
    static Path cacheOf(BucketAddress address, Optional<URI> endpoint) {
        String home = System.getenv("XDG_CACHE_HOME");
        Path base = home == null || home.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(home);
        try {
            byte[] sum = MessageDigest.getInstance("SHA-256")
                    .digest((address + endpoint.map(server -> "\n" + server).orElse(""))
                            .getBytes(StandardCharsets.UTF_8));
            return base.resolve("godwit/buckets").resolve(HexFormat.of().formatHex(sum, 0, 8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java has SHA-256.", e);
        }
    }

    @Override
    public Optional<byte[]> format() {
        return bucket.small(StoreFormat.FILE);
    }

    @Override
    public void begin(byte[] format) {
        List<Bucket.Listed> there = bucket.list("");
        if (!there.isEmpty()) {
            throw new StoreException(address + " is no store, and there is something: "
                    + there.getFirst().key() + ". A store is made where nothing is.");
        }
        if (bucket.putNew(StoreFormat.FILE, format, newName()).isEmpty()) {
            throw new StoreException("Another process makes " + address + " a store just now; try again.");
        }
    }

    private static String newName() {
        return UUID.randomUUID().toString();
    }

    @Override
    public NewObject create(ObjectName name) {
        Path draft = scratch().resolve(name.key() + name.kind().suffix());
        return new BucketDraft(name, bucket, draft, this::requireWriting);
    }

    private void requireWriting() {
        writing.orElseThrow(() -> new IllegalStateException("The store is not locked for writing."))
                .confirm();
    }

    @Override
    public StoredObject open(ObjectName name) {
        Bucket.Facts facts = bucket.facts(name.path()).orElseThrow(() -> missing(name));
        return new BucketObject(name, bucket, facts.byteLength(), facts.tag());
    }

    private StoreException missing(ObjectName name) {
        return new StoreException("There is no " + name + " in " + address + ".");
    }

    @Override
    public boolean has(ObjectName name) {
        return bucket.facts(name.path()).isPresent();
    }

    @Override
    public List<String> list(ObjectName.Kind kind) {
        return names(kind).stream()
                .filter(name -> name.endsWith(kind.suffix()))
                .map(name -> name.substring(0, name.length() - kind.suffix().length()))
                .sorted()
                .toList();
    }

    private List<String> names(ObjectName.Kind kind) {
        String folder = kind.folder() + "/";
        return bucket.list(folder).stream()
                .map(listed -> listed.key().substring(folder.length()))
                .toList();
    }

    @Override
    public List<String> strangers() {
        List<String> found = new ArrayList<>();
        for (Bucket.Listed listed : bucket.list("")) {
            String key = listed.key();
            boolean ours = key.equals(StoreFormat.FILE)
                    || key.equals(LOCK)
                    || key.startsWith(HOLDS)
                    || key.startsWith(REMOVALS)
                    || Arrays.stream(ObjectName.Kind.values())
                            .anyMatch(kind -> key.startsWith(kind.folder() + "/") && key.endsWith(kind.suffix()));
            if (!ours) {
                found.add(key);
            }
        }
        return found;
    }

    @Override
    public void remove(ObjectName name) {
        if (name.kind() == ObjectName.Kind.PACK) {
            requireWriting();
        }
        bucket.remove(name.path());
    }

    @Override
    public Hold lockForWriting() {
        makeCache();
        Hold onThisMachine = local.lockForWriting();
        boolean locked = false;
        try {
            Lease lease = takeLock();
            writing = Optional.of(lease);
            locked = true;
            return () -> {
                lease.close();
                onThisMachine.close();
            };
        } finally {
            if (!locked) {
                onThisMachine.close();
            }
        }
    }

    private Lease takeLock() {
        String writer = newName();
        long begin = BootTime.nanos();
        Optional<String> taken = bucket.putNew(LOCK, lockOf(writer), writer);
        if (taken.isEmpty()) {
            Bucket.Facts held = bucket.facts(LOCK).orElseThrow(this::beingWritten);
            if (held.age().compareTo(terms.duration()) <= 0) {
                throw beingWritten();
            }
            begin = BootTime.nanos();
            taken = bucket.putOver(LOCK, lockOf(writer), held.tag(), writer);
        }
        LockTag tag = new LockTag(taken.orElseThrow(this::beingWritten));
        boolean honoured = false;
        try {
            requireConditions();
            honoured = true;
        } finally {
            if (!honoured) {
                bucket.remove(LOCK);
            }
        }
        return new Lease("The right to write to " + address, terms, begin, tag::renew, () -> bucket.remove(LOCK));
    }

    private static byte[] lockOf(String writer) {
        return ("A writer of this store: " + writer + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private StoreException beingWritten() {
        return new StoreException("The store " + address
                + " is being written or collected by another process; try again when it has ended. If that process has"
                + " died, try again in " + terms.duration().toSeconds() + " s. Reading is possible meanwhile.");
    }

    /** A bucket that knows no conditions would give the lock to everybody. */
    private void requireConditions() {
        if (bucket.putNew(LOCK, new byte[0], newName()).isPresent()) {
            throw unconditional("If-None-Match: *");
        }
        if (bucket.putOver(LOCK, new byte[0], NO_TAG, newName()).isPresent()) {
            throw unconditional("If-Match");
        }
    }

    private StoreException unconditional(String condition) {
        return new StoreException("The server of " + address + " does not honour '" + condition + "', so that two"
                + " writers could not be kept apart. Use a server that does, or a directory.");
    }

    /** The tag of our lock, which changes with each renewal, as its content does. */
    private final class LockTag {
        private String tag;

        LockTag(String tag) {
            this.tag = tag;
        }

        boolean renew() {
            String writer = newName();
            Optional<String> next = bucket.putOver(LOCK, lockOf(writer), tag, writer);
            tag = next.orElse(tag);
            return next.isPresent();
        }
    }

    private void makeCache() {
        try {
            Path _ = Files.createDirectories(
                    scratch(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException e) {
            throw StoreFiles.failure(scratch() + " cannot be made", e);
        }
    }

    @Override
    public Hold holdForReading(ObjectName name) {
        String key = HOLDS + name.key() + "/" + newName();
        long begin = BootTime.nanos();
        bucket.putAnyway(key, new byte[0]);
        boolean held = false;
        try {
            if (bucket.facts(REMOVALS + name.key())
                    .filter(facts -> facts.age().compareTo(terms.duration()) <= 0)
                    .isPresent()) {
                throw new StoreException(name + " in " + address + " is being removed by another process.");
            }
            if (!has(name)) {
                throw missing(name);
            }
            held = true;
        } finally {
            if (!held) {
                bucket.remove(key);
            }
        }
        return new Lease(
                "The hold on " + name + " in " + address,
                terms,
                begin,
                () -> {
                    bucket.putAnyway(key, new byte[0]);
                    return true;
                },
                () -> bucket.remove(key));
    }

    @Override
    public Hold lockForRemoval(ObjectName name) {
        String key = REMOVALS + name.key();
        bucket.putAnyway(key, new byte[0]);
        boolean locked = false;
        try {
            requireNoReader(name);
            locked = true;
            return () -> bucket.remove(key);
        } finally {
            if (!locked) {
                bucket.remove(key);
            }
        }
    }

    private void requireNoReader(ObjectName name) {
        for (Bucket.Listed hold : bucket.list(HOLDS + name.key() + "/")) {
            Optional<Duration> age = bucket.facts(hold.key()).map(Bucket.Facts::age);
            if (age.isPresent() && age.get().compareTo(terms.duration()) <= 0) {
                throw new StoreException(name + " in " + address
                        + " is being read by another process, and stays. If that process has died, try again in "
                        + terms.duration().toSeconds() + " s.");
            }
            bucket.remove(hold.key());
        }
    }

    @Override
    public Path scratch() {
        return cache.resolve(UNFINISHED);
    }

    @Override
    public Path index() {
        return local.index();
    }

    @Override
    public void clearUnfinished() {
        local.clearUnfinished();
    }

    @Override
    public String toString() {
        return address.toString();
    }
}
