// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.stream.Command;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.GlobalState;
import java.util.ArrayList;
import java.util.List;

/**
 * All of a guest that is not memory, as sections: its devices, and whether it ran. WIRE: the FULL sections, {@code
 * globalstate} last.
 */
public final class GuestState {
    private static final String RUNNING = "running";
    private static final String PAUSED = "paused";

    private GuestState() {}

    /** Takes the state of a guest that stands still; of one that is only kept, as it was taken. */
    public static List<DeviceSection> save(Guest guest, boolean ran) {
        if (guest.keptState().isPresent()) {
            return guest.keptState().get().sections();
        }
        List<DeviceSection> sections = new ArrayList<>();
        for (DeviceState device : guest.devices()) {
            sections.add(device.save());
        }
        sections.add(new GlobalState(ran ? RUNNING : PAUSED, false).toSection());
        return sections;
    }

    /**
     * What comes before the state on the wire. A QEMU before 10.0 does not know that command, and a guest that is only
     * kept may be meant for one. Nobody needs it for the devices that can be kept.
     */
    public static List<Command> announcement(Guest guest) {
        return guest.keptState().isPresent() ? List.of() : List.of(new Command.SwitchoverStart());
    }

    /**
     * Hands a state over to what takes in a guest that does not run yet.
     *
     * @return whether it ran where it comes from; a stream that does not say so means yes
     * @throws RuntimeException see {@link Arrival#acceptDevices}
     */
    public static boolean load(Arrival arrival, List<DeviceSection> sections) {
        boolean ran = true;
        for (DeviceSection section : sections) {
            if (section.idstr().equals(GlobalState.IDSTR)) {
                ran = GlobalState.decode(section).runState().equals(RUNNING);
            }
        }
        arrival.acceptDevices(sections);
        return ran;
    }
}
