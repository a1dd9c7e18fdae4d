// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The other side of a migration, made of sockets and a script, without an engine. */
@NullMarked
package io.godwit.testkit.peer;

import org.jspecify.annotations.NullMarked;
