// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.godwit.control.Json;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Each rule on what real QEMUs answered, and on the same answers with one thing changed. */
class ExaminationTest {
    private static final String SOURCE = "qemu-10.0";
    private static final String DESTINATION = "qemu-10.0-incoming";

    static ObjectNode recorded(String name) throws IOException {
        try (InputStream in = ExaminationTest.class.getResourceAsStream(name + ".json")) {
            return (ObjectNode) Json.parse(in == null ? new byte[0] : in.readAllBytes());
        }
    }

    static Side side(ObjectNode answers, boolean here) {
        Map<String, JsonNode> map = new TreeMap<>();
        answers.properties().forEach(answer -> map.put(answer.getKey(), answer.getValue()));
        return new Side("unix:/x", here, map);
    }

    private static List<Finding> worth(List<Finding> findings) {
        return findings.stream()
                .filter(finding -> finding.severity() != Severity.NOTE)
                .toList();
    }

    /** Sets the value at {@code a/b/0/c} of an answer. */
    private static void set(ObjectNode answers, String path, String json) {
        String[] steps = path.split("/", -1);
        JsonNode at = answers;
        for (int i = 0; i < steps.length - 1; i++) {
            at = at.isArray() ? at.path(Integer.parseInt(steps[i])) : at.path(steps[i]);
        }
        ((ObjectNode) at).set(steps[steps.length - 1], Json.parse(json));
    }

    static void switchOn(ObjectNode answers, String capability) {
        for (JsonNode one : answers.path("query-migrate-capabilities").values()) {
            if (one.path("capability").asString("").equals(capability)) {
                ((ObjectNode) one).put("state", true);
                return;
            }
        }
        throw new AssertionError("no capability " + capability);
    }

    @Test
    void twoQemusThatAreAlikeAreFine() throws IOException {
        List<Finding> findings =
                Examination.of(side(recorded(SOURCE), true), Optional.of(side(recorded(DESTINATION), true)));
        assertThat(worth(findings)).isEmpty();
        assertThat(Examination.exitStatus(findings)).isZero();
        assertThat(findings).extracting(Finding::rule).contains("max-bandwidth");
    }

    @Test
    void whatQemuItselfRefusesIsNamedOnceForEachReason() throws IOException {
        List<Finding> findings = Examination.of(side(recorded("qemu-10.0-blocked"), true), Optional.empty());
        assertThat(findings.getFirst().severity()).isEqualTo(Severity.STOPS);
        assertThat(findings)
                .filteredOn(finding -> finding.rule().equals("blocked"))
                .extracting(Finding::sentence)
                .anyMatch(sentence -> sentence.contains("non-migratable device: 0000:00:01.0/nvme"))
                .anyMatch(sentence -> sentence.contains("ivshmem"));
        assertThat(Examination.exitStatus(findings)).isEqualTo(2);
    }

    @Test
    void anOldAndSmallDestinationIsComparedInAllThatDiffers() throws IOException {
        List<Finding> findings =
                Examination.of(side(recorded(SOURCE), true), Optional.of(side(recorded("qemu-7.2-incoming"), true)));
        assertThat(findings)
                .extracting(Finding::rule)
                .contains("machine", "version", "memory", "ram-blocks", "cpu-model", "devices", "disks");
        assertThat(findings)
                .extracting(Finding::sentence)
                .contains(
                        "The source's machine is pc-q35-10.0, the destination's is pc-q35-7.2.",
                        "The source has RAM 67108864, the destination 134217728.",
                        "The source's CPU is qemu64, the destination's is Nehalem.");
        assertThat(findings)
                .extracting(Finding::fix)
                .contains("The destination's QEMU does not know pc-q35-10.0: install a newer one there.");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            query-status/status             | "inmigrate"      | source-state | 2
            query-status/status             | "postmigrate"    | source-state | 2
            query-status/status             | "suspended"      | source-state | 0
            query-status/status             | "internal-error" | source-state | 1
            query-status/status             | "paused"         | source-state | 0
            query-migrate/status            | "active"         | under-way    | 2
            query-migrate/status            | "cancelled"      |              | 0
            query-cpus-fast                 | [1, 2]           | cpus         | 2
            query-kvm/enabled               | true             | accelerator  | 1
            machine-type                    | "pc-q35-7.2-machine" | machine  | 2
            machine-memory/slots            | 2                | memory       | 2
            cpu-type                        | "max-x86_64-cpu" | cpu-model    | 1
            query-block/0/inserted/drv      | "qcow2"          | disk-format  | 2
            query-block/0/inserted/image/virtual-size | 5      | disk-size    | 2
            query-block/0/inserted/file     | "/other"         | disks        | 1
            query-block/0/qdev              | "other"          | disks        | 2
            query-pci/0/devices/1/slot      | 9                | devices      | 2
            """)
    void aThingThatDiffersAtTheSourceIsFoundByItsRule(String path, String value, String rule, int status)
            throws IOException {
        ObjectNode source = recorded(SOURCE);
        set(source, path, value);
        List<Finding> findings = Examination.of(side(source, true), Optional.of(side(recorded(DESTINATION), true)));
        if (rule == null) {
            assertThat(worth(findings)).isEmpty();
        } else {
            assertThat(findings).extracting(Finding::rule).contains(rule);
        }
        assertThat(Examination.exitStatus(findings)).isEqualTo(status);
    }

    @ParameterizedTest
    @CsvSource({
        "multifd",
        "postcopy-ram",
        "postcopy-preempt",
        "x-ignore-shared",
        "dirty-bitmaps",
        "switchover-ack",
        "x-colo"
    })
    void aCapabilityOnOneSideOnlyIsFoundFromBothSides(String capability) throws IOException {
        ObjectNode with = recorded(SOURCE);
        switchOn(with, capability);
        List<Finding> findings = Examination.of(side(with, true), Optional.of(side(recorded(DESTINATION), true)));
        assertThat(worth(findings)).extracting(Finding::rule).containsExactly("capability-" + capability);
        assertThat(Examination.exitStatus(findings)).isEqualTo(2);

        ObjectNode there = recorded(DESTINATION);
        switchOn(there, capability);
        List<Finding> thereOnly = Examination.of(side(recorded(SOURCE), true), Optional.of(side(there, true)));
        assertThat(thereOnly)
                .filteredOn(finding -> finding.rule().equals("capability-" + capability))
                .extracting(Finding::severity)
                .containsExactly(
                        List.of("postcopy-ram", "postcopy-preempt", "dirty-bitmaps")
                                        .contains(capability)
                                ? Severity.NOTE
                                : Severity.STOPS);
        assertThat(worth(Examination.of(side(with, true), Optional.of(side(there, true)))))
                .as("on both sides")
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            multifd-channels    | 4       | multifd |
            multifd-compression | "zstd"  | multifd |
            tls-creds           | "tls0"  | multifd |
            multifd-compression | "zstd"  |         | nothing
            """)
    void aParameterThatDiffersIsFoundWhereItCounts(String name, String value, String capability, String nothing)
            throws IOException {
        ObjectNode source = recorded(SOURCE);
        ObjectNode destination = recorded(DESTINATION);
        set(source, "query-migrate-parameters/" + name, value);
        if (capability != null) {
            switchOn(source, capability);
            switchOn(destination, capability);
        }
        List<Finding> found = worth(Examination.of(side(source, true), Optional.of(side(destination, true))));
        if (nothing != null) {
            assertThat(found).isEmpty();
        } else {
            assertThat(found).extracting(Finding::rule).containsExactly("parameter-" + name);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "zero-copy-send, locked-memory, 1",
        "background-snapshot, background-snapshot, 2",
        "mapped-ram, mapped-ram, 2",
        "release-ram, release-ram, 1",
        "pause-before-switchover, pause-before-switchover, 0"
    })
    void aCapabilityThatMattersAtTheSourceIsTold(String capability, String rule, int status) throws IOException {
        ObjectNode source = recorded(SOURCE);
        switchOn(source, capability);
        List<Finding> findings = Examination.of(side(source, true), Optional.empty());
        assertThat(findings).extracting(Finding::rule).contains(rule);
        assertThat(Examination.exitStatus(findings)).isEqualTo(status);
    }

    @Test
    void blocksAndTheirPagesAreCompared() throws IOException {
        ObjectNode source = recorded(SOURCE);
        String blocks = source.path("ram-blocks").asString("");
        source.put("ram-blocks", blocks.replace("pc.ram    4 KiB", "pc.ram    2 MiB"));
        Optional<Side> destination = Optional.of(side(recorded(DESTINATION), true));
        assertThat(worth(Examination.of(side(source, true), destination)))
                .extracting(Finding::severity, Finding::rule)
                .containsExactly(tuple(Severity.RISK, "page-size"));
        source.put("ram-blocks", blocks.replace("pc.rom", "my.rom"));
        assertThat(worth(Examination.of(side(source, true), destination)))
                .extracting(Finding::sentence)
                .containsExactly("The destination has no RAM block my.rom of 131072 bytes.");
    }

    /** A root port as QEMU names it; who waits for a guest has had no firmware that numbers the bus behind it. */
    private static void rootPort(ObjectNode answers, int secondary, int behind) {
        ObjectNode port = (ObjectNode) Json.parse("""
                {"bus": 0, "qdev_id": "rp0", "slot": 4, "function": 0, "regions": [],
                 "class_info": {"class": 1540, "desc": "PCI bridge"}, "id": {"device": 12, "vendor": 6966},
                 "pci_bridge": {"bus": {"number": 0, "secondary": %1$d, "subordinate": %1$d}}}
                """.formatted(secondary));
        if (secondary != 0) {
            ((ObjectNode) port.path("pci_bridge")).set("devices", Json.parse("""
                    [{"bus": %d, "qdev_id": "net0", "slot": 0, "function": 0, "regions": [],
                      "class_info": {"class": 512, "desc": "Ethernet controller"},
                      "id": {"device": %d, "vendor": 6900}}]
                    """.formatted(secondary, behind)));
        }
        ((ArrayNode) answers.path("query-pci").path(0).path("devices")).add(port);
    }

    @Test
    void devicesBehindABridgeAreComparedOnlyIfBothSidesCanNameThem() throws IOException {
        ObjectNode source = recorded(SOURCE);
        ObjectNode waiting = recorded(DESTINATION);
        rootPort(source, 1, 4161);
        rootPort(waiting, 0, 4161);
        assertThat(worth(Examination.of(side(source, true), Optional.of(side(waiting, true)))))
                .isEmpty();
        ObjectNode numbered = recorded(DESTINATION);
        rootPort(numbered, 1, 4162);
        assertThat(worth(Examination.of(side(source, true), Optional.of(side(numbered, true)))))
                .extracting(Finding::rule)
                .containsExactly("devices");
    }

    @Test
    void featuresThatTheDestinationLacksAreNamedByTheirBits() throws IOException {
        ObjectNode source = recorded(SOURCE);
        ObjectNode words = Json.object()
                .put("cpuid-register", "EBX")
                .put("cpuid-input-eax", 7)
                .put("cpuid-input-ecx", 0)
                .put("features", 0x20);
        source.set("cpu-words", Json.array().add(words));
        assertThat(worth(Examination.of(side(source, true), Optional.of(side(recorded(DESTINATION), true)))))
                .extracting(Finding::sentence)
                .containsExactly("The destination's CPU lacks features that the guest has: CPUID 7.0 EBX 0x20.");
    }

    @Test
    void aFileOnTwoHostsMayBeTwoFiles() throws IOException {
        assertThat(worth(Examination.of(side(recorded(SOURCE), true), Optional.of(side(recorded(DESTINATION), false)))))
                .extracting(Finding::rule)
                .containsExactly("disks");
    }

    @Test
    void anotherFileMayHaveAnotherFormatAndTheSameOneMayNot() throws IOException {
        ObjectNode source = recorded(SOURCE);
        set(source, "query-block/0/inserted/drv", "\"qcow2\"");
        set(source, "query-block/0/inserted/file", "\"/other\"");
        assertThat(worth(Examination.of(side(source, true), Optional.of(side(recorded(DESTINATION), true)))))
                .extracting(Finding::severity, Finding::rule)
                .containsExactly(tuple(Severity.RISK, "disks"));
    }

    @Test
    void aLibvirtOfAnotherHostIsNotHereWhoeverNamesIt() {
        assertThat(Side.isHere(Optional.empty(), Optional.empty())).isTrue();
        assertThat(Side.isHere(Optional.empty(), Optional.of("qemu+ssh://far/system")))
                .isFalse();
        assertThat(Side.isHere(Optional.of("qemu:///system"), Optional.of("qemu+ssh://far/system")))
                .isTrue();
    }

    @Test
    void aDestinationThatHasAGuestIsNone() throws IOException {
        assertThat(worth(Examination.of(side(recorded(SOURCE), true), Optional.of(side(recorded(SOURCE), true)))))
                .extracting(Finding::rule)
                .containsExactly("destination-state");
    }

    @Test
    void aHostThatSaysLittleIsNotGuessedAbout() throws IOException {
        ObjectNode little = Json.object();
        little.set("query-version", Json.object().put("package", "Godwit 0.1.0"));
        little.set("query-status", Json.object().put("status", "inmigrate"));
        assertThat(worth(Examination.of(side(recorded(SOURCE), true), Optional.of(side(little, true)))))
                .isEmpty();
    }

    @Test
    void theKernelsSwitchForMissingPagesIsTold() {
        assertThat(PostcopyRules.userfaultfd("0", false)).hasSize(1);
        assertThat(PostcopyRules.userfaultfd("1", false)).isEmpty();
    }
}
