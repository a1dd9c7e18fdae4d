// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.ArrayList;
import java.util.List;

/**
 * The vmdesc: one JSON text after the end of the stream that describes every device section before it.
 *
 * @param configuration description of the configuration section
 * @param pageBytes the guest's page size
 * @param devices device sections in stream order
 */
public record VmDescription(VmStateDescription configuration, int pageBytes, List<Device> devices) {
    /** Name, instance and layout of one device section. */
    public record Device(String idstr, int instanceId, VmStateDescription state) {}

    /** Copies the list. */
    public VmDescription {
        devices = List.copyOf(devices);
    }

    /**
     * Reads a vmdesc.
     *
     * @throws StreamFormatException if it is not JSON or lacks what a vmdesc has
     */
    public static VmDescription parse(String json) {
        return parse(json, StreamPlace.in("vmdesc"));
    }

    static VmDescription parse(String json, StreamPlace place) {
        if (!(Json.parse(json, place) instanceof Json.Members members)) {
            throw place.fail("The vmdesc is not a JSON object.");
        }
        var devices = new ArrayList<Device>();
        for (Json item : members.items("devices")) {
            if (!(item instanceof Json.Members device)) {
                throw place.fail("A device of the vmdesc is not an object.");
            }
            int instanceId = (int) device.whole("instance_id");
            devices.add(new Device(device.text("name"), instanceId, VmStateDescription.fromJson(device)));
        }
        VmStateDescription configuration = members.member("configuration")
                .map(json1 -> VmStateDescription.fromJson(json1, place))
                .orElseGet(() -> new VmStateDescription("configuration", 0, List.of(), List.of()));
        return new VmDescription(configuration, members.count("page_size"), devices);
    }

    /** QEMU's spelling: one line, {@code ", "} and {@code ": "} between tokens, the same order of members. */
    public String toJson() {
        var out = new StringBuilder("{\"configuration\": {");
        configuration.membersToJson(out);
        out.append("}, \"page_size\": ").append(pageBytes).append(", \"devices\": [");
        for (int i = 0; i < devices.size(); i++) {
            Device device = devices.get(i);
            out.append(i == 0 ? "" : ", ").append("{\"name\": ");
            Json.quote(out, device.idstr());
            out.append(", \"instance_id\": ").append(device.instanceId()).append(", ");
            device.state().membersToJson(out);
            out.append('}');
        }
        return out.append("]}").toString();
    }
}
