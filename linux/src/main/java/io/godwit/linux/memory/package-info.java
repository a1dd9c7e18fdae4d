// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Memory outside the Java heap, and what the kernel can tell about it.
 *
 * <p>Read {@link io.godwit.linux.memory.NativeMemory} first. Each mapping has one owner, who alone closes it, after
 * every thread that uses it has stopped. Nothing on the paths of pages (copy, zero test, hash, scan) allocates.
 *
 * <p>Invariant: Java code never touches a page that userfaultfd has yet to fill; only those
 * methods of NativeMemory whose name says downcall may.
 *
 * <p>Specification: mmap(2), madvise(2), memfd_create(2), userfaultfd(2), ioctl_userfaultfd(2), PAGEMAP_SCAN(2const).
 */
@NullMarked
package io.godwit.linux.memory;

import org.jspecify.annotations.NullMarked;
