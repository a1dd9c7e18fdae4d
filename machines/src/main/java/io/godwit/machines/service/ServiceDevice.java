// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.Traffic;
import io.godwit.machines.programs.ServicePort;
import io.godwit.stream.DeviceSection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * The device of a guest that is a service. Requests of {@linkplain Customer customers} get numbers, wait in line and go
 * to the guest one after the other; its answers go back, or are held and told as {@link Traffic} and {@link Outputs}
 * say. What is in line and how far the guest is are its state.
 *
 * <p>Nothing in it grows with what customers do: who asks waits while too much is in line, held or noted for a
 * secondary. The guest never waits for a customer.
 *
 * <p>Threads: a lock guards all; customers ask on threads of their own, and the guest's vCPU takes and answers.
 */
public final class ServiceDevice implements DeviceState, ServicePort, Traffic {
    /**
     * How much it keeps.
     *
     * @param customers that are connected
     * @param waiting requests that the guest has not taken, at most {@value ServiceState#MAX_WAITING}
     * @param inside requests whose answers have not left, these and those that wait
     * @param noted requests that are told to a secondary between two saved states; it keeps twice as many
     */
    public record Limits(int customers, int waiting, int inside, int noted) {
        /** What hosts have. */
        public static final Limits USUAL = new Limits(1024, ServiceState.MAX_WAITING, 8192, 131_072);
    }

    private enum Role {
        ALONE,
        PRIMARY,
        SECONDARY,
        DROPPED
    }

    private static final Peer NOBODY = new Peer() {
        @Override
        public void request(long number, byte[] content) {
            // Nobody is told.
        }

        @Override
        public boolean answer(long number, byte[] content) {
            return false;
        }
    };

    private final Limits limits;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition room = lock.newCondition();
    private final HeldAnswers held = new HeldAnswers();
    private final ServiceOutputs outputs = new ServiceOutputs(held, lock, this::answered, this::flush);

    // Guarded by the lock.
    private final RequestLine line;
    private final Set<Customer> customers = new HashSet<>();
    private Role role = Role.ALONE;
    private Peer peer = NOBODY;
    private boolean admits;
    private long saved;
    private Optional<Customer> asker = Optional.empty();
    private LongSupplier fencingNumber = () -> 0;

    // Written under the lock.
    private volatile long answered;
    private volatile Optional<Thread> vcpu = Optional.empty();

    /**
     * The device of a new guest, or of one that is awaited.
     *
     * @param here whether the guest starts here, so that customers may come
     */
    public ServiceDevice(boolean here, Limits limits) {
        this.admits = here;
        this.line = new RequestLine(here);
        this.limits = limits;
    }

    /** What the guest puts out, as it can be held back. */
    public Outputs outputs() {
        return outputs;
    }

    /** Who is asked for the number that goes out with each answer; must answer at once. */
    public void fencingNumber(LongSupplier source) {
        locked(() -> fencingNumber = source);
    }

    /** The guest runs here: customers may come, unless it is a secondary. */
    public void admit() {
        locked(() -> {
            admits = true;
            if (role == Role.DROPPED) {
                role = Role.ALONE;
            }
        });
    }

    /** The guest is not here, or no longer: customers are hung up on. */
    public void refuse() {
        locked(() -> {
            admits = false;
            hangUp();
        });
    }

    /** A customer comes; false if it is refused. */
    public boolean join(Customer customer) {
        return under(() -> isOpen() && customers.size() < limits.customers() && customers.add(customer));
    }

    /** A customer goes. Answers that it still waits for are lost. */
    public void leave(Customer customer) {
        locked(() -> {
            boolean _ = customers.remove(customer);
            room.signalAll();
        });
    }

    /**
     * A customer asks; waits while there is no room.
     *
     * @return false if it was hung up on meanwhile
     * @throws IllegalArgumentException if that is no request
     */
    public boolean ask(byte[] content, Customer customer) throws InterruptedException {
        ServiceWire.checkRequest(content);
        lock.lock();
        try {
            while (customers.contains(customer) && !hasRoom()) {
                room.await();
            }
            if (!customers.contains(customer)) {
                return false;
            }
            // ORDERING: told first, for the guest may take it as soon as it is in line.
            peer.request(line.last() + 1, content);
            line.add(content, Optional.of(customer));
            wake();
            return true;
        } finally {
            lock.unlock();
        }
    }

    private boolean hasRoom() {
        long last = line.last();
        return line.waiting() < limits.waiting()
                && last - held.left() < limits.inside()
                && (role != Role.PRIMARY || last - saved < limits.noted());
    }

    private boolean isOpen() {
        return admits && (role == Role.ALONE || role == Role.PRIMARY);
    }

    private void hangUp() {
        customers.forEach(Customer::hangUp);
        customers.clear();
        room.signalAll();
    }

    private void wake() {
        vcpu.ifPresent(LockSupport::unpark);
    }

    @Override
    public boolean isWaiting() {
        return line.isWaiting();
    }

    @Override
    public boolean take(long[] words) {
        if (vcpu.isEmpty()) {
            vcpu = Optional.of(Thread.currentThread());
        }
        return line.isWaiting() && under(() -> takeNext(words));
    }

    private boolean takeNext(long[] words) {
        if (!line.isWaiting()) {
            return false;
        }
        RequestRing.Request request = line.take();
        ServiceWire.words(request.content(), words);
        asker = request.from();
        room.signalAll();
        return true;
    }

    @Override
    public void answer(long[] words) {
        byte[] content = ServiceWire.content(words);
        locked(() -> {
            if (answered == line.taken()) {
                throw new IllegalStateException("the guest answers request " + answered + " twice");
            }
            answered = line.taken();
            boolean same = peer.answer(answered, content);
            if (same && role == Role.PRIMARY) {
                held.trafficGate(answered);
            }
            if (role == Role.SECONDARY || role == Role.DROPPED) {
                held.restart(answered);
            } else {
                held.add(content, asker);
                flush();
            }
            asker = Optional.empty();
        });
    }

    /** Lets go what may leave; with the lock held. */
    private void flush() {
        if (held.flush(fencingNumber)) {
            room.signalAll();
        }
    }

    @Override
    public long answered() {
        return answered;
    }

    @Override
    public long heldCount() {
        return under(held::count);
    }

    @Override
    public void replicate(Peer secondary) {
        locked(() -> {
            if (role != Role.PRIMARY) {
                held.trafficGate(answered);
            }
            role = Role.PRIMARY;
            peer = secondary;
            saved = line.last();
        });
    }

    @Override
    public void release(long upToAnswer) {
        locked(() -> {
            if (role == Role.PRIMARY && upToAnswer > held.trafficGate()) {
                held.trafficGate(Math.min(upToAnswer, answered));
                flush();
            }
        });
    }

    @Override
    public void alone() {
        locked(() -> {
            if (role == Role.PRIMARY) {
                beAlone();
                flush();
                room.signalAll();
            }
        });
    }

    private void beAlone() {
        role = Role.ALONE;
        peer = NOBODY;
        held.trafficGate(HeldAnswers.OPEN);
    }

    @Override
    public void drop() {
        locked(() -> {
            beAlone();
            role = Role.DROPPED;
            admits = false;
            held.restart(answered);
            hangUp();
        });
    }

    @Override
    public void standBy(Peer primary) {
        locked(() -> {
            beAlone();
            role = Role.SECONDARY;
            peer = primary;
            line.standBy();
            held.restart(answered);
            hangUp();
        });
    }

    @Override
    public void feed(long number, byte[] content) {
        ServiceWire.checkRequest(content);
        locked(() -> {
            if (role != Role.SECONDARY) {
                throw new IllegalStateException("request " + number + " is fed to a guest that is no secondary");
            }
            if (line.size() >= 2 * limits.noted()) {
                throw new IllegalStateException(
                        line.size() + " requests wait for a state of the primary that covers them");
            }
            line.feed(number, content.clone());
            wake();
        });
    }

    @Override
    public void takeOver() {
        locked(() -> {
            if (role != Role.SECONDARY) {
                throw new IllegalStateException("a guest that is no secondary takes over");
            }
            beAlone();
            admits = true;
            line.takeOver();
        });
    }

    @Override
    public String idstr() {
        return ServiceState.NAME;
    }

    @Override
    public int instanceId() {
        return 0;
    }

    @Override
    public DeviceSection save() {
        return under(() -> {
                    saved = line.last();
                    room.signalAll();
                    return new ServiceState(line.taken(), answered, line.waitingContents());
                })
                .encode();
    }

    /** {@inheritDoc} What was fed behind its number stays in line; all else that was in line or held is forgotten. */
    @Override
    public void load(DeviceSection section) {
        ServiceState state = ServiceState.decode(section);
        locked(() -> {
            line.load(state);
            answered = state.answered();
            asker = Optional.empty();
            held.restart(answered);
            outputs.restart(answered);
            hangUp();
            wake();
        });
    }

    /** A picture for who wants figures. */
    public ServiceFigures figures() {
        return under(() -> new ServiceFigures(customers.size(), line.waiting(), answered, held.count(), held.left()));
    }

    private void locked(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }

    private <T> T under(Supplier<T> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }
}
