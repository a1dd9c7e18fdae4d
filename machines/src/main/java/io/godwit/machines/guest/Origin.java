// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

/** Where a guest's memory and state come from. */
public enum Origin {
    /** It starts here: its RAM is filled and its program put in place. */
    BOOT,
    /** It arrives from elsewhere: its RAM is empty and it has yet to learn who it is. */
    ARRIVAL
}
