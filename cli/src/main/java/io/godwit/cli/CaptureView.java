// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.qemu.capture.CaptureReport;
import io.godwit.qemu.capture.Disk;
import io.godwit.store.snapshots.Manifest;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What is told of a capture that came to its end. */
final class CaptureView {
    private CaptureView() {}

    static List<String> lines(String snapshot, CaptureReport report, boolean hooked) {
        Manifest.Counts counts = report.manifest().counts();
        String pages = String.format(
                Locale.ROOT,
                "%s: %s, %,d pages with content, %,d of zeros; new to the store %,d pages, %s",
                snapshot,
                report.manifest().configuration().machine(),
                counts.content(),
                counts.zero(),
                counts.newPages(),
                ByteSize.binary(counts.newBytes()));
        String guest = report.pause()
                .map(pause -> "The guest stood still for " + TimeSpan.text(pause.toNanos()) + ", and is "
                        + report.runState() + ".")
                .orElse("The guest is " + report.runState() + ".");
        String took = String.format(
                Locale.ROOT,
                "Captured in %s: %s on the wire, %,d pages.",
                TimeSpan.text(report.took().toNanos()),
                ByteSize.decimal(report.wireBytes()),
                report.pages());
        return report.disks().isEmpty()
                ? List.of(pages, took, guest)
                : List.of(pages, took, guest, disks(report, hooked));
    }

    private static String disks(CaptureReport report, boolean hooked) {
        String names = report.disks().stream().map(Disk::toString).collect(Collectors.joining(", "));
        return "Disks are not captured: " + names
                + (hooked
                        ? ". The disk hook was called while the guest stood still."
                        : ". A restored guest needs them as they were; --disk-hook keeps them.");
    }

    static ObjectNode json(String snapshot, CaptureReport report) {
        Manifest.Counts counts = report.manifest().counts();
        ObjectNode node = Json.object()
                .put("snapshot", snapshot)
                .put("machine", report.manifest().configuration().machine())
                .put("contentPages", counts.content())
                .put("zeroPages", counts.zero())
                .put("absentPages", counts.absent())
                .put("newPages", counts.newPages())
                .put("newBytes", counts.newBytes())
                .put("tookMillis", report.took().toMillis())
                .put("receivedMillis", report.received().toMillis())
                .put("wireBytes", report.wireBytes())
                .put("sentPages", report.pages())
                .put("runState", report.runState());
        report.pause().ifPresent(pause -> node.put("pauseMicros", pause.toNanos() / 1000));
        ArrayNode disks = node.putArray("disks");
        report.disks()
                .forEach(disk -> disks.add(Json.object()
                        .put("name", disk.name())
                        .put("file", disk.file())
                        .put("writable", disk.writable())));
        return node;
    }
}
