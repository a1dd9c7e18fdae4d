// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import io.godwit.engine.guest.DeviceStateException;
import io.godwit.machines.programs.ServicePort;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmStateBuilder;
import io.godwit.stream.VmStateReader;
import java.util.ArrayList;
import java.util.List;

/**
 * What travels of the device.
 *
 * @param taken the number of the last request that the guest has taken
 * @param answered the number of the last answer that it has given: the same or one less
 * @param waiting the contents of the requests behind {@code taken}, in order
 */
record ServiceState(long taken, long answered, List<byte[]> waiting) {
    static final String NAME = "service";

    /** LIMIT: this many requests wait for the guest, 40 KiB in each state that is saved. */
    static final int MAX_WAITING = 1024;

    private static final int VERSION = 1;

    DeviceSection encode() {
        long[] words = new long[waiting.size() * ServicePort.REQUEST_WORDS];
        long[] one = new long[ServicePort.REQUEST_WORDS];
        for (int i = 0; i < waiting.size(); i++) {
            ServiceWire.words(waiting.get(i), one);
            System.arraycopy(one, 0, words, i * one.length, one.length);
        }
        return new VmStateBuilder(NAME, VERSION)
                .u64("taken", taken)
                .u64("answered", answered)
                .u32("waiting_count", waiting.size())
                .u64Array("waiting", words)
                .build(NAME, 0);
    }

    /**
     * Reads a section from the network.
     *
     * @throws DeviceStateException if it is no state of this device
     */
    static ServiceState decode(DeviceSection section) {
        try {
            VmStateReader state = VmStateReader.of(section);
            if (section.versionId() != VERSION || state.versionId() != VERSION) {
                throw new IllegalArgumentException(
                        "version %d, this host knows %d".formatted(section.versionId(), VERSION));
            }
            long taken = state.u64("taken");
            long answered = state.u64("answered");
            int count = state.u32("waiting_count");
            long[] words = state.u64Array("waiting");
            state.end();
            if (answered < 0 || taken < answered || taken - answered > 1 || taken > Long.MAX_VALUE / 2) {
                throw new IllegalArgumentException(
                        "the guest has taken request %d and answered %d".formatted(taken, answered));
            }
            if (count < 0 || count > MAX_WAITING || words.length != count * ServicePort.REQUEST_WORDS) {
                throw new IllegalArgumentException("%d requests wait, in %d words; 0 to %d can, in %d words each"
                        .formatted(count, words.length, MAX_WAITING, ServicePort.REQUEST_WORDS));
            }
            return new ServiceState(taken, answered, contents(words));
        } catch (StreamFormatException | IllegalArgumentException problem) {
            throw new DeviceStateException(NAME, 0, String.valueOf(problem.getMessage()));
        }
    }

    private static List<byte[]> contents(long[] words) {
        List<byte[]> contents = new ArrayList<>();
        long[] one = new long[ServicePort.REQUEST_WORDS];
        for (int at = 0; at < words.length; at += one.length) {
            System.arraycopy(words, at, one, 0, one.length);
            byte[] content = ServiceWire.content(one);
            ServiceWire.checkRequest(content);
            contents.add(content);
        }
        return contents;
    }
}
