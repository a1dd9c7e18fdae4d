// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

/**
 * One thing that was found.
 *
 * @param severity how much it matters
 * @param rule the rule's name, for scripts
 * @param sentence what was found, with numbers
 * @param fix what to do about it
 */
public record Finding(Severity severity, String rule, String sentence, String fix) {
    static Finding stops(String rule, String sentence, String fix) {
        return new Finding(Severity.STOPS, rule, sentence, fix);
    }

    static Finding risk(String rule, String sentence, String fix) {
        return new Finding(Severity.RISK, rule, sentence, fix);
    }

    static Finding note(String rule, String sentence, String fix) {
        return new Finding(Severity.NOTE, rule, sentence, fix);
    }
}
