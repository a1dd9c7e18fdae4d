// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The {@code godwit} command: one class for each subcommand, the child processes of the demonstration, the views of a
 * migration's progress and the report.
 *
 * <p>{@link io.godwit.cli.Main} answers {@code --version} by itself; all else goes through {@link
 * io.godwit.cli.GodwitCommand}. Errors that a user can do something about are {@link io.godwit.cli.CommandFailure}s:
 * one sentence on standard error, exit status 1.
 */
@NullMarked
package io.godwit.cli;

import org.jspecify.annotations.NullMarked;
