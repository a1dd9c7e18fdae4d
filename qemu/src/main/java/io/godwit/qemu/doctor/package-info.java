// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** What would go wrong with a migration is found before anybody migrates. */
@NullMarked
package io.godwit.qemu.doctor;

import org.jspecify.annotations.NullMarked;
