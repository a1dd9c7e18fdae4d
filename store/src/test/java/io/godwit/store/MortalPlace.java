// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import io.godwit.store.objects.NewObject;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StoredObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** Objects of a process that gets SIGKILL at one of the steps that change something. */
final class MortalPlace implements ObjectPlace {
    private final ObjectPlace place;
    private final long lastStep;
    private final AtomicLong steps = new AtomicLong();

    MortalPlace(ObjectPlace place, long lastStep) {
        this.place = place;
        this.lastStep = lastStep;
    }

    long steps() {
        return steps.get();
    }

    private void step() {
        if (steps.getAndIncrement() == lastStep) {
            try {
                int _ = new ProcessBuilder(
                                "kill",
                                "-9",
                                Long.toString(ProcessHandle.current().pid()))
                        .start()
                        .waitFor();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @Override
    public Optional<byte[]> format() {
        return place.format();
    }

    @Override
    public void begin(byte[] format) {
        place.begin(format);
    }

    @Override
    public NewObject create(ObjectName name) {
        step();
        NewObject object = place.create(name);
        return new NewObject() {
            @Override
            public ObjectName name() {
                return name;
            }

            @Override
            public long position() {
                return object.position();
            }

            @Override
            public void write(byte[] from, int at, int length) {
                step();
                object.write(from, at, length);
            }

            @Override
            public void publish() {
                step();
                object.publish();
                step();
            }

            @Override
            public void replace() {
                step();
                object.replace();
                step();
            }

            @Override
            public void close() {
                object.close();
            }
        };
    }

    @Override
    public StoredObject open(ObjectName name) {
        return place.open(name);
    }

    @Override
    public boolean has(ObjectName name) {
        return place.has(name);
    }

    @Override
    public List<String> list(ObjectName.Kind kind) {
        return place.list(kind);
    }

    @Override
    public List<String> strangers() {
        return place.strangers();
    }

    @Override
    public void remove(ObjectName name) {
        step();
        place.remove(name);
        step();
    }

    @Override
    public Hold lockForWriting() {
        return place.lockForWriting();
    }

    @Override
    public Hold holdForReading(ObjectName name) {
        return place.holdForReading(name);
    }

    @Override
    public Hold lockForRemoval(ObjectName name) {
        return place.lockForRemoval(name);
    }

    @Override
    public Path scratch() {
        return place.scratch();
    }

    @Override
    public Path index() {
        return place.index();
    }

    @Override
    public void clearUnfinished() {
        step();
        place.clearUnfinished();
        step();
    }
}
