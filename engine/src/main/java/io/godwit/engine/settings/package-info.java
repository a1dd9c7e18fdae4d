// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What can be set for a migration: parameters and capabilities, by QEMU's public names.
 *
 * <p>Read {@link io.godwit.engine.settings.MigrationParameter} and {@link io.godwit.engine.settings.Capability} first.
 */
@NullMarked
package io.godwit.engine.settings;

import org.jspecify.annotations.NullMarked;
