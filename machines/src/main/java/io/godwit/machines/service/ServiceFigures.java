// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

/**
 * How a service gets on.
 *
 * @param clients that are connected
 * @param waiting requests that the guest has not taken
 * @param answered the number of the last answer that it gave, in all its life, on all hosts
 * @param held answers that have not left
 * @param left the number of the last answer that has left, or was dropped
 */
public record ServiceFigures(int clients, long waiting, long answered, long held, long left) {}
