// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.time.Duration;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Speaks QMP with a domain of libvirt's, through virsh: one process for each command, one more for all events. libvirt
 * keeps the domain, and hears of all that is done.
 */
final class LibvirtClient implements QmpClient {
    private final Virsh virsh;
    private final AnswerWait answers;
    private final LibvirtEvents events;
    private final ObjectNode greeting = Json.object();

    private LibvirtClient(Virsh virsh, LibvirtEvents events) {
        this.virsh = virsh;
        this.events = events;
        answers = new AnswerWait(virsh.domain());
    }

    /**
     * Looks whether the domain answers, and listens for its events.
     *
     * @throws QmpConnectionException with what to do: no virsh, no libvirtd, no such domain, or it does not run
     */
    static QmpClient connect(QmpAddress.Libvirt domain, Duration timeout) {
        Virsh virsh = new Virsh(domain);
        LibvirtClient client = new LibvirtClient(virsh, new LibvirtEvents(virsh));
        try {
            JsonNode version = client.execute("query-version", timeout);
            client.greeting.set("QMP", Json.object().set("version", version));
            client.events.awaitListening(timeout);
            return client;
        } catch (RuntimeException e) {
            client.close();
            throw e;
        }
    }

    @Override
    public QmpAddress address() {
        return virsh.domain();
    }

    /** {@inheritDoc} libvirt has swallowed QEMU's own; this is put together from {@code query-version}. */
    @Override
    public ObjectNode greeting() {
        return greeting;
    }

    @Override
    public JsonNode execute(String command, ObjectNode arguments, Duration timeout) {
        ObjectNode request = Json.object().put("execute", command);
        if (!arguments.isEmpty()) {
            request.set("arguments", arguments);
        }
        return QmpClient.returned(virsh.monitorCommand(command, request, answers, timeout));
    }

    @Override
    public Optional<QmpEvent> nextEvent(Duration timeout) throws InterruptedException {
        return events.next(timeout);
    }

    @Override
    public void whenSilent(Duration after, Runnable told) {
        answers.whenSilent(after, told);
    }

    @Override
    public boolean isConnected() {
        return events.isListening();
    }

    @Override
    public void close() {
        events.close();
    }
}
