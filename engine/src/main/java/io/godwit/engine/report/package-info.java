// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * What a migration tells of itself: one immutable picture of its figures, and who hears of its states and passes.
 *
 * <p>Read {@link io.godwit.engine.report.MigrationStatistics} first. Those who act write figures; nobody decides by
 * them.
 */
@NullMarked
package io.godwit.engine.report;

import org.jspecify.annotations.NullMarked;
