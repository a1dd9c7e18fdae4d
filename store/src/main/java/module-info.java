// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** Guests that stand still, kept on a disk: pages by their content, and what else makes a guest. */
module io.godwit.store {
    requires transitive io.godwit.stream;
    requires io.godwit.linux;
    requires com.github.luben.zstd_jni;
    requires static org.jspecify;

    uses io.godwit.store.objects.PlaceProvider;

    exports io.godwit.store;
    exports io.godwit.store.care;
    exports io.godwit.store.images;
    exports io.godwit.store.objects;
    exports io.godwit.store.pages;
    exports io.godwit.store.snapshots;
}
