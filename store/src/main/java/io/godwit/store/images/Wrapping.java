// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/** What a stream can be wrapped in, known by its first bytes. */
enum Wrapping {
    GZIP("1f8b", ""),
    ZSTD("28b52ffd", ""),
    LZOP("894c5a4f000d0a1a0a", "lzop"),
    XZ("fd377a585a00", "xz"),
    BZIP2("425a68", "bzip2"),
    /** "LibvirtQemudSave". */
    LIBVIRT("4c69627669727451656d756453617665", ""),
    /** "LibvirtQemudPart". */
    LIBVIRT_UNFINISHED("4c69627669727451656d756450617274", "");

    /** Bytes that are enough to know any of them. */
    static final int HEAD_BYTES = 16;

    private final String magic;
    private final String program;

    Wrapping(String magic, String program) {
        this.magic = magic;
        this.program = program;
    }

    /** Whether only a program can undo it. */
    boolean needsProgram() {
        return !program.isEmpty();
    }

    /** The command line that undoes it. */
    List<String> command() {
        return List.of(program, "-dc");
    }

    static Optional<Wrapping> of(byte[] head) {
        String found = HexFormat.of().formatHex(head);
        return Arrays.stream(values())
                .filter(wrapping -> found.startsWith(wrapping.magic))
                .findFirst();
    }
}
