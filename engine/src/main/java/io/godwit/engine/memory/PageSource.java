// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

/**
 * Where the content of a block's pages comes from when they are sent. Mapped guest memory is one: a {@link RamBlock}
 * says of each page that it is where the guest has it. A store of pages or the file of a capture can be others.
 *
 * <p>A source is asked once for a batch, and nothing is allocated for a page. It names the content by memory and
 * offset, not by address: who hands it to the kernel takes the address, who encrypts or compresses it reads the bytes.
 *
 * <p>A source whose pages lie in no memory puts them into the batch's own {@linkplain PageBatch#room room}.
 *
 * <p>Threads: any number, each with a batch of its own.
 */
@FunctionalInterface
public interface PageSource {
    /**
     * Says where each page of a batch is, with {@link PageBatch#locate}. The content can be read there until this is
     * called again for this batch. It need not stand still: the guest may be writing to it.
     *
     * @param batch pages of this source's block
     */
    void locate(PageBatch batch);
}
