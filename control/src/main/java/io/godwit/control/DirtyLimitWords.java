// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.MigrationControl;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import java.util.List;
import java.util.OptionalLong;
import tools.jackson.databind.node.ArrayNode;

/** {@code set-vcpu-dirty-limit}, {@code cancel-vcpu-dirty-limit} and {@code query-vcpu-dirty-limit}. */
final class DirtyLimitWords {
    private DirtyLimitWords() {}

    /**
     * Sets limits.
     *
     * @throws QmpException for arguments of the wrong type or name
     */
    static void set(QmpArguments arguments, MigrationControl migration) {
        OptionalLong vcpu = arguments.optionalInteger("cpu-index");
        long rate = arguments
                .optionalUnsigned("dirty-rate")
                .orElseThrow(() -> QmpException.generic("Parameter 'dirty-rate' is missing"));
        migration.setVcpuDirtyLimit(vcpu, rate);
    }

    /** Takes limits away; errors as of {@link #set}. */
    static void cancel(QmpArguments arguments, MigrationControl migration) {
        OptionalLong vcpu = arguments.optionalInteger("cpu-index");
        migration.cancelVcpuDirtyLimit(vcpu);
    }

    /** Those that are set, and what these vCPUs dirty; MiB a second. */
    static ArrayNode answer(List<VcpuDirtyLimit> limits) {
        ArrayNode answer = Json.array();
        for (VcpuDirtyLimit limit : limits) {
            answer.add(Json.object()
                    .put("limit-rate", limit.mebibytesPerSecond())
                    .put("current-rate", limit.currentMebibytesPerSecond())
                    .put("cpu-index", limit.vcpu()));
        }
        return answer;
    }
}
