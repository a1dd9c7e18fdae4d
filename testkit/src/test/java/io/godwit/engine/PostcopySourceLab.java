// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.stream.Command;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.peer.ScriptedDestination;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.io.TempDir;

/** What tests of the source's side of postcopy share: a source in this JVM, and scripts for the destination. */
abstract class PostcopySourceLab {
    static final List<RamBlockEntry> BLOCKS = List.of(RamBlockEntry.of("ram", CountingGuest.RAM_BYTES));

    static final int PAGES = CountingGuest.RAM_BYTES / 4096;

    @TempDir
    Path directory;

    static void switchTo(Pair pair, ScriptedDestination destination) throws InterruptedException {
        pair.source.migrate(destination.uri());
        pair.source.startPostcopy();
        destination.awaitPackage();
    }

    static void assertCompletes(Pair pair, ScriptedDestination destination) throws InterruptedException {
        boolean ended = pair.source.awaitEnd(Pair.PATIENCE);
        assertThat(destination.errors).isEmpty();
        assertThat(pair.source.statistics().error()).isEmpty();
        assertThat(ended).isTrue();
        assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destination.twice.get()).as("pages that came twice").isZero();
        assertHoldsTheSourcesMemory(pair, destination);
    }

    static void awaitPaused(Pair pair) {
        awaitThat(
                () -> pair.source.statistics().status() == MigrationStatus.POSTCOPY_PAUSED,
                "postcopy-paused is reached");
    }

    static void awaitThat(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            LockSupport.parkNanos(200_000);
        }
    }

    /** Leaves PINGs behind the package without an answer, so that the push stands still. */
    record Stalling(long awaitedPage, CountDownLatch arrived) implements ScriptedDestination.Script {
        @Override
        public void command(ScriptedDestination destination, Command command) {
            if (command instanceof Command.Packaged) {
                destination.answersPings = false;
            }
        }

        @Override
        public void page(ScriptedDestination destination, boolean onSecondChannel, long page) {
            if (page == awaitedPage && destination.inPostcopy) {
                arrived.countDown();
            }
        }
    }

    @FunctionalInterface
    interface Action {
        void on(ScriptedDestination destination) throws IOException;
    }

    record AtPackage(Action action) implements ScriptedDestination.Script {
        @Override
        public void command(ScriptedDestination destination, Command command) throws IOException {
            if (command instanceof Command.Packaged) {
                destination.answersPings = false;
                action.on(destination);
            }
        }
    }

    /** Cuts everything when so many pages have come, and takes part in the recovery. */
    static final class CutOnce implements ScriptedDestination.Script {
        private final int afterPages;
        private boolean cut;
        volatile boolean cutsAtEnd;
        volatile boolean stalls;
        volatile Optional<byte[]> wrongBitmap = Optional.empty();

        CutOnce(int afterPages) {
            this.afterPages = afterPages;
        }

        @Override
        public void page(ScriptedDestination destination, boolean onSecondChannel, long page) {
            if (!cut && destination.inPostcopy && destination.pushedPages.size() >= afterPages) {
                cut = true;
                destination.cut();
            }
        }

        @Override
        public void end(ScriptedDestination destination) throws IOException {
            if (cutsAtEnd) {
                cutsAtEnd = false;
                destination.cut();
            } else {
                destination.say(new ReturnPathMessage.Shut(0));
            }
        }

        @Override
        public void command(ScriptedDestination destination, Command command) throws IOException {
            if (command instanceof Command.Packaged && stalls) {
                destination.answersPings = false;
            }
            if (command instanceof Command.ReceivedBitmap(String block)) {
                if (wrongBitmap.isPresent()) {
                    destination.say(wrongBitmap.get());
                } else {
                    destination.sayWhatItHas(block);
                }
            }
            if (command instanceof Command.PostcopyResume) {
                destination.say(new ReturnPathMessage.ResumeAck(1));
            }
        }

        byte[] bitmap(String block, int byteLength, int content, long end) {
            ByteBuffer bytes = ByteBuffer.allocate(4 + 1 + block.length() + 8 + byteLength + 8);
            bytes.putShort((short) 5).putShort((short) (1 + block.length())).put((byte) block.length());
            bytes.put(block.getBytes(StandardCharsets.US_ASCII)).putLong(byteLength);
            for (int i = 0; i < byteLength; i++) {
                bytes.put((byte) content);
            }
            return bytes.putLong(end).array();
        }
    }

    static void assertHoldsTheSourcesMemory(Pair pair, ScriptedDestination destination) {
        assertThat(destination.received.cardinality()).isEqualTo(PAGES);
        byte[] expected = new byte[4096];
        for (long page = 0; page < PAGES; page++) {
            pair.sourceGuest.memory().copyTo(page * 4096, expected, 0, 4096);
            assertThat(destination.contents.get(page)).as("page " + page).isEqualTo(expected);
        }
    }

    final Pair postcopyPair() {
        Pair pair = new Pair(directory);
        pair.source.setCapability(Capability.POSTCOPY_RAM, true);
        return pair;
    }

    record StatusRecorder(List<String> seen) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            seen.add(status.publicName());
        }

        @Override
        public void passStarted(int pass) {
            seen.add("pass " + pass);
        }
    }
}
