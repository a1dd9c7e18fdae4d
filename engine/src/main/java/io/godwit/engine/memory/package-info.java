// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Guest memory as the engine handles it: RAM blocks, dirty bitmaps, batches of pages.
 *
 * <p>This is the data plane: primitives and batches, nothing allocated and no lock taken for a page. Page numbers and
 * offsets are relative to their RAM block; a page is {@link io.godwit.engine.memory.RamBlock#PAGE_BYTES} bytes.
 */
@NullMarked
package io.godwit.engine.memory;

import org.jspecify.annotations.NullMarked;
