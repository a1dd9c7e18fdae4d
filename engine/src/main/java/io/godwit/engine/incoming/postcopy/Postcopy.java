// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.PostcopyPackage;
import java.time.Duration;
import java.util.Optional;

/**
 * The destination's part of postcopy, from the packaged command to the last page: lets the guest run, takes its memory
 * in behind it, and goes on over new connections when one is lost. On {@code mig-incoming}.
 */
public final class Postcopy {
    private static final System.Logger LOG = System.getLogger(Postcopy.class.getName());

    private final PostcopySession session;
    private final PostcopyArrival arrival;
    private final Duration patience;
    private final PostcopyControl control;

    /** For an arrival whose memory is watched. */
    public Postcopy(PostcopySession session, PostcopyArrival arrival, Duration patience, PostcopyControl control) {
        this.session = session;
        this.arrival = arrival;
        this.patience = patience;
        this.control = control;
    }

    /**
     * Loads the devices while page faults are answered, and starts the guest; then its memory follows, until all is
     * there or the connection is lost.
     *
     * @throws RuntimeException if the guest could not be let run; it belongs to the source then
     */
    public void takeOver(IncomingLink link) {
        PostcopyPackage pack = session.takePackage();
        PageChannels pages = pages(link);
        try {
            arrival.listen();
            control.loading("the source has packed up");
            pages.start();
            session.safety().ifPresent(CheckpointTaker::begin);
            boolean run = session.load(pack);
            pages.commit();
            session.start(run);
            pages.guestStarted();
        } catch (RuntimeException | Error e) {
            // Who else waits for a page must not wait for ever: the guest will not run here.
            arrival.giveUp();
            throw new NotTakenOver(e, pages);
        }
        control.active("the guest is here, its memory follows");
        serve(pages);
    }

    /** The guest could not be let run; what still reads pages must be ended after the source has been told. */
    public static final class NotTakenOver extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient PageChannels pages;

        NotTakenOver(Throwable cause, PageChannels pages) {
            super(MigrationException.sentence(cause), cause);
            this.pages = pages;
        }

        /** Ends the threads that read pages. */
        public void end() {
            pages.end("the guest could not be let run here");
        }
    }

    /** Waits until all pages have come or the connection is lost. */
    private void serve(PageChannels pages) {
        Optional<Throwable> lost = pages.awaitEnd(session.sourceLeavesNoHoles());
        if (lost.isPresent()) {
            pause(lost.get());
            return;
        }
        finish();
        confirm();
        session.letRamChange();
        control.completed("all memory is here");
    }

    private void pause(Throwable lost) {
        String error = "The connection to the source was lost: " + MigrationException.sentence(lost)
                + "; the guest is here and goes on until it needs one of the " + arrival.missingPages()
                + " pages that have not come. 'migrate-recover' here, then 'migrate' with resume=true at the source.";
        LOG.log(System.Logger.Level.WARNING, error, lost);
        control.paused(error, MigrationException.sentence(lost));
    }

    /** The guest is whole: nothing that goes wrong with the clearing up changes that. */
    private void finish() {
        try {
            arrival.finish();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "all memory is here, but what watched it could not be cleared up", e);
        }
    }

    private void confirm() {
        try {
            session.confirm();
        } catch (RuntimeException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "all memory is here, but the source could not be told so; it may ask by 'migrate' with "
                            + "resume=true after"
                            + " 'migrate-recover' here",
                    e);
        }
    }

    /** Goes on over a new connection; ends in the state that comes of it. */
    public void recover(IncomingLink link) {
        try (Channel _ = reconnect(link);
                SourceStream.Connected _ = session.stream()::disconnect) {
            PageChannels pages = pages(link);
            pages.commitAtOnce();
            control.recovering("the source is back");
            session.agree();
            control.active("the source goes on");
            begin(pages);
            serve(pages);
        } catch (GivenUp e) {
            LOG.log(System.Logger.Level.DEBUG, "nobody waits for the source any more: {0}", e.getMessage());
        } catch (RuntimeException | Error e) {
            pause(e);
        }
    }

    private void begin(PageChannels pages) {
        try {
            pages.start();
            arrival.repeatRequests();
        } catch (RuntimeException | Error e) {
            pages.end("the memory that is missing could not be asked for");
            throw e;
        }
    }

    /** This side stopped waiting for the source before it came; nothing has changed. */
    private static final class GivenUp extends RuntimeException {
        private static final long serialVersionUID = 1L;

        GivenUp(Throwable cause) {
            super(MigrationException.sentence(cause), cause);
        }
    }

    /** Tells a source that did not hear it that everything is here. */
    public void repeatLastWord(IncomingLink link) {
        try (Channel _ = reconnect(link);
                SourceStream.Connected _ = session.stream()::disconnect;
                PostcopyPlacer placer = arrival.newPushPlacer()) {
            session.agree();
            session.stream().receivePages(placer, placer::readAt);
            session.confirm();
        }
    }

    /** Waits for the source. Strangers who connect and say nothing, or nonsense, are turned away. */
    private Channel reconnect(IncomingLink link) {
        while (true) {
            Channel channel = accept(link);
            try {
                session.reconnect(channel);
                session.awaitFirstWord();
                return channel;
            } catch (RuntimeException | Error e) {
                session.stream().disconnect();
                channel.close();
                if (link.isCut()) {
                    throw new GivenUp(e);
                }
                if (session.hasReconnected()) {
                    throw e;
                }
                LOG.log(System.Logger.Level.INFO, "a connection that is not the source''s: {0}", e.getMessage());
            }
        }
    }

    private static Channel accept(IncomingLink link) {
        try {
            return link.accept();
        } catch (RuntimeException e) {
            if (link.isCut()) {
                throw new GivenUp(e);
            }
            throw e;
        }
    }

    private PageChannels pages(IncomingLink link) {
        return new PageChannels(link, session.stream(), arrival, session.safety(), patience, session.environment());
    }
}
