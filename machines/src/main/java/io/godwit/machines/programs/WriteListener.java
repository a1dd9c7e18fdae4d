// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

/** Hears of each page that a Java program has written, after the write. Called by vCPU threads. */
@FunctionalInterface
public interface WriteListener {
    /** Bytes of guest RAM from {@code offset} were written. */
    void written(long offset, long byteLength);
}
