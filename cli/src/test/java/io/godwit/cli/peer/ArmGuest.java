// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A program without a system on aarch64, in 64 MiB. It writes to all memory behind itself, a stamp for each MiB, and
 * checks all of it again and again. Behind each check it says {@link #BEAT} and gives one MiB a new stamp.
 */
final class ArmGuest {
    /** What the console shows after each check of all its memory. */
    static final String BEAT = ".";

    /** What the console shows when something was not as it was written; then it does nothing more. */
    static final String WRONG = "!";

    private static final String ENTRY = "0x40100000";

    // spotless:off
    private static final int[] PROGRAM = {
        0xd2a80400, //         movz x0, #0x4020, lsl #16
        0xd2a88001, //         movz x1, #0x4400, lsl #16
        0xd2a12009, //         movz x9, #0x0900, lsl #16
        0xd2800022, //         movz x2, #1
        0xaa0003e3, //         mov x3, x0
        0x9400001d, // fill:   bl stamp
        0x91440063, //         add x3, x3, #0x100, lsl #12
        0xeb01007f, //         cmp x3, x1
        0x54ffffa3, //         b.lo fill
        0xaa0003e3, //         mov x3, x0
        0xaa0003e4, // round:  mov x4, x0
        0xf9400085, // check:  ldr x5, [x4]
        0x91002086, //         add x6, x4, #8
        0x91440087, //         add x7, x4, #0x100, lsl #12
        0xf94000c8, // word:   ldr x8, [x6]
        0xca0500ca, //         eor x10, x6, x5
        0xeb0a011f, //         cmp x8, x10
        0x54000321, //         b.ne wrong
        0x910020c6, //         add x6, x6, #8
        0xeb0700df, //         cmp x6, x7
        0x54ffff43, //         b.lo word
        0xaa0703e4, //         mov x4, x7
        0xeb01009f, //         cmp x4, x1
        0x54fffe83, //         b.lo check
        0x91000442, //         add x2, x2, #1
        0x94000009, //         bl stamp
        0x91440063, //         add x3, x3, #0x100, lsl #12
        0xeb01007f, //         cmp x3, x1
        0x9a832003, //         csel x3, x0, x3, hs
        0x528005cb, //         movz w11, #46
        0xb900012b, //         str w11, [x9]
        0x5280014b, //         movz w11, #10
        0xb900012b, //         str w11, [x9]
        0x17ffffe9, //         b round
        0xf9000062, // stamp:  str x2, [x3]
        0x91002066, //         add x6, x3, #8
        0x91440067, //         add x7, x3, #0x100, lsl #12
        0xca0200ca, // store:  eor x10, x6, x2
        0xf80084ca, //         str x10, [x6], #8
        0xeb0700df, //         cmp x6, x7
        0x54ffffa3, //         b.lo store
        0xd65f03c0, //         ret
        0x5280042b, // wrong:  movz w11, #33
        0xb900012b, //         str w11, [x9]
        0x5280014b, //         movz w11, #10
        0xb900012b, //         str w11, [x9]
        0x14000000, // stay:   b stay
    };
    // spotless:on

    private ArmGuest() {}

    /**
     * QEMU's arguments that make a machine for it.
     *
     * @param directory for the program
     */
    static List<String> arguments(Path directory) throws IOException {
        ByteBuffer program = ByteBuffer.allocate(PROGRAM.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        program.asIntBuffer().put(PROGRAM);
        Path file = Files.write(directory.resolve("program"), program.array());
        return List.of(
                "-machine",
                "virt,accel=tcg",
                "-cpu",
                "cortex-a57",
                "-m",
                "64M",
                "-device",
                "loader,file=" + file + ",addr=" + ENTRY + ",cpu-num=0,force-raw=on");
    }
}
