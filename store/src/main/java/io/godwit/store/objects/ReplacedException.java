// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.StoreException;

/** An object was {@linkplain NewObject#replace replaced} since it was opened: it must be opened again. */
public final class ReplacedException extends StoreException {
    private static final long serialVersionUID = 1L;

    /** Of this object. */
    public ReplacedException(ObjectName name) {
        super(name + " was replaced while it was read.");
    }
}
