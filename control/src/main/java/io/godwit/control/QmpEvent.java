// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.time.Instant;
import tools.jackson.databind.node.ObjectNode;

/**
 * Something that happened at a host.
 *
 * @param name {@code STOP}, {@code MIGRATION} and so on
 * @param data the event's own members; empty if it has none
 * @param time when, by the host's clock
 */
public record QmpEvent(String name, ObjectNode data, Instant time) {}
