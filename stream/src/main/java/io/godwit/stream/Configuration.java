// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * The configuration section: what the two machines must agree on.
 *
 * @param machine machine type, as {@code pc-q35-10.0} or {@code none}
 * @param targetPageBits page size as a power of two, only on machines where it is not fixed
 * @param capabilities those validated capabilities that are on: {@code x-ignore-shared}, {@code mapped-ram}
 * @param uuid the guest's identity, if {@code validate-uuid} is on
 */
public record Configuration(
        String machine, OptionalInt targetPageBits, List<String> capabilities, Optional<UUID> uuid) {
    static final String TARGET_PAGE_BITS = "configuration/target-page-bits";
    static final String CAPABILITIES = "configuration/capabilities";
    static final String UUID = "configuration/uuid";
    static final String IGNORE_SHARED = "x-ignore-shared";
    static final String MAPPED_RAM = "mapped-ram";
    /** LIMIT: QEMU validates two capabilities; more than a handful is nonsense. */
    static final int MAX_CAPABILITIES = 32;

    private static final int SUBSECTION_VERSION = 1;

    /** Copies the capabilities. */
    public Configuration {
        capabilities = List.copyOf(capabilities);
        Wire.nameBytes(machine);
    }

    /** A configuration of nothing but a machine. */
    public static Configuration of(String machine) {
        return new Configuration(machine, OptionalInt.empty(), List.of(), Optional.empty());
    }

    /** The same with the guest's identity. */
    public Configuration withUuid(UUID identity) {
        return new Configuration(machine, targetPageBits, capabilities, Optional.of(identity));
    }

    /** The same with or without the capability {@code mapped-ram}, which says how a file has its pages. */
    public Configuration withMappedRam(boolean on) {
        var others = new ArrayList<>(capabilities);
        others.remove(MAPPED_RAM);
        if (on) {
            others.add(MAPPED_RAM);
        }
        return new Configuration(machine, targetPageBits, others, uuid);
    }

    /** Whether the block list carries guest physical addresses. */
    public boolean isSharedMemoryIgnored() {
        return capabilities.contains(IGNORE_SHARED);
    }

    /** Puts type byte, machine and subsections. */
    void encode(ByteBuffer out) {
        byte[] name = machine.getBytes(StandardCharsets.UTF_8);
        out.put((byte) Wire.CONFIGURATION).putInt(name.length).put(name);
        targetPageBits.ifPresent(bits -> subsection(out, TARGET_PAGE_BITS).putInt(bits));
        if (!capabilities.isEmpty()) {
            subsection(out, CAPABILITIES).putInt(capabilities.size());
            capabilities.forEach(capability -> Wire.putName(out, capability));
        }
        uuid.ifPresent(identity -> subsection(out, UUID)
                .putLong(identity.getMostSignificantBits())
                .putLong(identity.getLeastSignificantBits()));
    }

    private static ByteBuffer subsection(ByteBuffer out, String name) {
        out.put((byte) Wire.SUBSECTION);
        Wire.putName(out, name);
        return out.putInt(SUBSECTION_VERSION);
    }

    /** How the vmdesc describes this section. */
    VmStateDescription description() {
        int nameLength = machine.getBytes(StandardCharsets.UTF_8).length;
        List<VmStateField> fields =
                List.of(VmStateField.plain("len", "uint32", 4), VmStateField.plain("name", "buffer", nameLength));
        return new VmStateDescription("configuration", 1, fields, subsectionDescriptions());
    }

    private List<VmStateDescription> subsectionDescriptions() {
        var found = new ArrayList<VmStateDescription>();
        if (targetPageBits.isPresent()) {
            found.add(described(TARGET_PAGE_BITS, List.of(VmStateField.plain("target_page_bits", "uint32", 4))));
        }
        if (!capabilities.isEmpty()) {
            var fields = new ArrayList<VmStateField>();
            fields.add(VmStateField.plain("caps_count", "uint32", 4));
            for (int i = 0; i < capabilities.size(); i++) {
                int length = 1 + Wire.nameBytes(capabilities.get(i)).length;
                fields.add(VmStateField.plain("capabilities", "capability", length));
            }
            found.add(described(CAPABILITIES, fields));
        }
        if (uuid.isPresent()) {
            found.add(described(UUID, List.of(VmStateField.array("uuid.data", "uint8", 1, 16))));
        }
        return found;
    }

    private static VmStateDescription described(String name, List<VmStateField> fields) {
        return new VmStateDescription(name, SUBSECTION_VERSION, fields, List.of());
    }
}
