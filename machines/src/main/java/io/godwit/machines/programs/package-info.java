// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What our guests run: small programs, each as x86-64 machine code for KVM and as Java for the memory machine,
 * over the same control blocks in guest RAM.
 *
 * <p>Read {@link io.godwit.machines.programs.BootArea} for the layout of guest RAM and {@link
 * io.godwit.machines.programs.ControlBlock} for what a vCPU keeps there. All that a program knows lies in guest RAM
 * (and, on KVM, in registers), so that it moves with the guest and lost or stale pages show as mismatches that the
 * program itself counts.
 */
@NullMarked
package io.godwit.machines.programs;

import org.jspecify.annotations.NullMarked;
