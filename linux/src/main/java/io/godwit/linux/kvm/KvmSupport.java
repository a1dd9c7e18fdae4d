// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

/** Whether this process can host KVM guests. */
public sealed interface KvmSupport {
    /** KVM is there and has all that Godwit needs. */
    record Usable() implements KvmSupport {}

    /**
     * KVM cannot be used.
     *
     * @param reason a sentence that says what is missing
     */
    record Missing(String reason) implements KvmSupport {}
}
