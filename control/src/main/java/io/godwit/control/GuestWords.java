// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.memory.PageDigests;
import io.godwit.host.GuestFigures;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code x-godwit-guest} and {@code x-godwit-ram-digest}. */
final class GuestWords {
    private GuestWords() {}

    /**
     * Which heartbeats are asked for.
     *
     * @throws QmpException for arguments of the wrong type
     */
    static GuestFigures.HeartbeatQuery query(QmpArguments arguments) {
        return new GuestFigures.HeartbeatQuery(
                arguments.optionalUnsigned("after-nanos").orElse(0),
                arguments.optionalUnsigned("from-nanos").orElse(0),
                arguments.optionalUnsigned("to-nanos").orElse(0));
    }

    static ObjectNode figures(GuestFigures guest) {
        ObjectNode answer = Json.object()
                .put("kind", guest.kind().toString())
                .put("uuid", guest.identity())
                .put("memory-bytes", guest.memoryBytes())
                .put("tracker", guest.tracker())
                .put("work-pages", guest.workPages())
                .put("guest-beats", guest.guestBeats())
                .put("mismatches", guest.mismatches())
                .put("now-nanos", guest.nowNanos());
        guest.firstMismatch().ifPresent(mismatch -> answer.put("first-mismatch", mismatch));
        guest.failure().ifPresent(failure -> answer.put("failure", failure));
        ArrayNode touches = answer.putArray("touch-cycles");
        guest.touches()
                .forEach(some -> touches.add(Json.array().add(some.upToCycles()).add(some.count())));
        ArrayNode vcpus = answer.putArray("vcpus");
        guest.vcpus().forEach(vcpu -> vcpus.add(vcpu(vcpu)));
        return answer;
    }

    private static ObjectNode vcpu(GuestFigures.Vcpu vcpu) {
        ObjectNode answer = Json.object()
                .put("beats", vcpu.beats())
                .put("work-pages", vcpu.workPages())
                .put("throttled-nanos", vcpu.throttledNanos());
        vcpu.lastBeatNanos().ifPresent(nanos -> answer.put("last-beat-nanos", nanos));
        vcpu.firstBeatNanos().ifPresent(nanos -> answer.put("first-beat-nanos", nanos));
        vcpu.longestGapNanos().ifPresent(nanos -> answer.put("longest-gap-nanos", nanos));
        return answer;
    }

    static ObjectNode digest(PageDigests digests) {
        ObjectNode answer = Json.object();
        ArrayNode blocks = answer.putArray("blocks");
        for (PageDigests.BlockDigest digest : digests.blockDigests()) {
            blocks.add(Json.object()
                    .put("name", digest.idstr())
                    .put("pages", digest.pageCount())
                    .put("missing-pages", digest.missingPages())
                    .put("digest", Long.toHexString(digest.hash())));
        }
        return answer;
    }
}
