// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import java.util.HexFormat;

/**
 * The guest programs in x86-64 machine code, which runs in ring 3 from any address. On entry rdi is the guest address
 * of the vCPU's {@link ControlBlock}, whose fields the listings call by name; nothing else is expected in registers,
 * and no stack.
 *
 * <p>Each line has the bytes of one instruction and, after the semicolon, what they say. Only the bytes count.
 */
final class MachineCode {
    /** Beats and waits, for ever. */
    private static final String IDLE = """
            start: # beat for ever
            ba 60 06 00 00                 ; mov edx,0x660
            ed                             ; in eax,dx
            48 ff 87 88 00 00 00           ; inc [BEATS]
            48 01 87 90 00 00 00           ; add [TICKS],rax
            eb ea                          ; jmp start
            """;

    /** The dirtier's work between beats, and the way back to the start, which is as far as the argument says. */
    private static final String STAMPING = """
            chunk: # at most BURST pages between two beats, r8 = pages still owed, r9 = pages of this chunk
            4c 8b 4f 38                    ; mov r9,[BURST]
            4d 39 c8                       ; cmp r8,r9
            4d 0f 42 c8                    ; cmovb r9,r8
            4d 29 c8                       ; sub r8,r9
            48 8b 77 10                    ; mov rsi,[FIRST_ADDRESS]
            48 8b 5f 48                    ; mov rbx,[INDEX]
            page: # r10 = page, r11 = stamp to write, r12 = stamp that must be there
            49 89 da                       ; mov r10,rbx
            49 c1 e2 0c                    ; shl r10,0xc
            49 01 f2                       ; add r10,rsi
            4c 8b 5f 50                    ; mov r11,[GENERATION]
            49 c1 e3 20                    ; shl r11,0x20
            49 09 db                       ; or r11,rbx
            4d 89 dc                       ; mov r12,r11
            48 b8 00 00 00 00 01 00 00 00  ; movabs rax,0x100000000
            49 29 c4                       ; sub r12,rax
            49 8b 02                       ; mov rax,[r10]
            4c 39 e0                       ; cmp rax,r12
            75 74                          ; jne bad
            49 8b 82 f8 0f 00 00           ; mov rax,[r10+0xff8]
            4c 39 e0                       ; cmp rax,r12
            75 68                          ; jne bad
            write: # rewrite, then step to the next page of this sweep
            4d 89 1a                       ; mov [r10],r11
            4d 89 9a f8 0f 00 00           ; mov [r10+0xff8],r11
            48 ff 47 60                    ; inc [WORK]
            48 8b 47 18                    ; mov rax,[PAGE_COUNT]
            48 03 5f 28                    ; add rbx,[STEP]
            48 39 c3                       ; cmp rbx,rax
            72 03                          ; jb inside
            48 29 c3                       ; sub rbx,rax
            inside: # the sweep ends after PAGE_COUNT pages: next generation, shifted start
            48 8b 4f 40                    ; mov rcx,[POSITION]
            48 ff c1                       ; inc rcx
            48 39 c1                       ; cmp rcx,rax
            72 12                          ; jb same
            31 c9                          ; xor ecx,ecx
            48 ff 47 50                    ; inc [GENERATION]
            48 03 5f 30                    ; add rbx,[SHIFT]
            48 39 c3                       ; cmp rbx,rax
            72 03                          ; jb same
            48 29 c3                       ; sub rbx,rax
            same: # keep the place in RAM, so that it moves with the guest
            48 89 4f 40                    ; mov [POSITION],rcx
            48 89 5f 48                    ; mov [INDEX],rbx
            49 ff c9                       ; dec r9
            0f 85 7a ff ff ff              ; jne page
            4d 85 c0                       ; test r8,r8
            0f 84 %-25s; je start
            ba 64 06 00 00                 ; mov edx,0x664
            ed                             ; in eax,dx
            48 ff 87 88 00 00 00           ; inc [BEATS]
            e9 49 ff ff ff                 ; jmp chunk
            bad: # count it, only the first one is described
            48 ff 47 68                    ; inc [MISMATCHES]
            48 83 7f 68 01                 ; cmp [MISMATCHES],0x1
            75 8d                          ; jne write
            4c 89 d2                       ; mov rdx,r10
            48 c1 ea 0c                    ; shr rdx,0xc
            48 89 57 70                    ; mov [FIRST_MISMATCH_PAGE],rdx
            4c 89 67 78                    ; mov [FIRST_MISMATCH_EXPECTED],r12
            48 89 87 80 00 00 00           ; mov [FIRST_MISMATCH_FOUND],rax
            e9 72 ff ff ff                 ; jmp write
            """;

    /** One beat, and how many pages are owed since the last one in r8. What follows begins with {@code chunk}. */
    private static final String BEAT = """
            start: # one beat: wait for the next tick, or only beat when the rate is unlimited
            ba 60 06 00 00                 ; mov edx,0x660
            b8 64 06 00 00                 ; mov eax,0x664
            48 83 7f 20 00                 ; cmp [RATE],0x0
            0f 44 d0                       ; cmove edx,eax
            ed                             ; in eax,dx
            48 ff 87 88 00 00 00           ; inc [BEATS]
            48 01 87 90 00 00 00           ; add [TICKS],rax
            4c 8b 47 38                    ; mov r8,[BURST]
            48 8b 4f 20                    ; mov rcx,[RATE]
            48 85 c9                       ; test rcx,rcx
            74 17                          ; je chunk
            48 0f af c1                    ; imul rax,rcx
            48 03 47 58                    ; add rax,[ACCUMULATOR]
            89 c1                          ; mov ecx,eax
            48 89 4f 58                    ; mov [ACCUMULATOR],rcx
            49 89 c0                       ; mov r8,rax
            49 c1 e8 20                    ; shr r8,0x20
            74 bb                          ; je start
            """;

    /** Checks and rewrites the stamps of its pages, sweep after sweep. */
    private static final String DIRTIER = BEAT + STAMPING.formatted("16 ff ff ff");

    /**
     * Checks and steps one byte of each page, round and round. Counts how many cycles of the time stamp counter the
     * first touch of each took: a page that has yet to arrive from another host shows there.
     */
    private static final String STEPPER = BEAT + """
            chunk: # at most BURST pages between two beats, r8 = pages still owed, r9 = pages of this chunk
            4c 8b 4f 38                    ; mov r9,[BURST]
            4d 39 c8                       ; cmp r8,r9
            4d 0f 42 c8                    ; cmovb r9,r8
            4d 29 c8                       ; sub r8,r9
            48 8b 77 10                    ; mov rsi,[FIRST_ADDRESS]
            48 8b 5f 48                    ; mov rbx,[INDEX]
            page: # r10 = page, r11 = byte to write, r12 = byte that must be there
            49 89 da                       ; mov r10,rbx
            49 c1 e2 0c                    ; shl r10,0xc
            49 01 f2                       ; add r10,rsi
            4c 8b 5f 50                    ; mov r11,[GENERATION]
            4d 8d 63 ff                    ; lea r12,[r11-0x1]
            45 0f b6 e4                    ; movzx r12d,r12b
            touch: # r14 = byte that is there, rax = cycles that reading it took, at least 16
            0f 31                          ; rdtsc
            48 c1 e2 20                    ; shl rdx,0x20
            4c 8d 2c 10                    ; lea r13,[rax+rdx*1]
            0f ae e8                       ; lfence
            45 0f b6 32                    ; movzx r14d,[r10]
            0f ae e8                       ; lfence
            0f 31                          ; rdtsc
            48 c1 e2 20                    ; shl rdx,0x20
            48 01 d0                       ; add rax,rdx
            4c 29 e8                       ; sub rax,r13
            48 83 c8 10                    ; or rax,0x10
            48 0f bd c8                    ; bsr rcx,rax
            83 e9 04                       ; sub ecx,0x4
            48 d3 e8                       ; shr rax,cl
            c1 e1 04                       ; shl ecx,0x4
            8d 44 08 f0                    ; lea eax,[rax+rcx*1-0x10]
            b9 7f 01 00 00                 ; mov ecx,0x17f
            39 c8                          ; cmp eax,ecx
            0f 47 c1                       ; cmova eax,ecx
            48 ff 84 c7 00 04 00 00        ; inc [TOUCHES+rax*8]
            4d 39 e6                       ; cmp r14,r12
            75 61                          ; jne bad
            write: # rewrite, then step to the next page of this sweep
            45 88 1a                       ; mov [r10],r11b
            48 ff 47 60                    ; inc [WORK]
            48 8b 47 18                    ; mov rax,[PAGE_COUNT]
            48 03 5f 28                    ; add rbx,[STEP]
            48 39 c3                       ; cmp rbx,rax
            72 03                          ; jb inside
            48 29 c3                       ; sub rbx,rax
            inside: # the sweep ends after PAGE_COUNT pages: next generation, shifted start
            48 8b 4f 40                    ; mov rcx,[POSITION]
            48 ff c1                       ; inc rcx
            48 39 c1                       ; cmp rcx,rax
            72 12                          ; jb same
            31 c9                          ; xor ecx,ecx
            48 ff 47 50                    ; inc [GENERATION]
            48 03 5f 30                    ; add rbx,[SHIFT]
            48 39 c3                       ; cmp rbx,rax
            72 03                          ; jb same
            48 29 c3                       ; sub rbx,rax
            same: # keep the place in RAM, so that it moves with the guest
            48 89 4f 40                    ; mov [POSITION],rcx
            48 89 5f 48                    ; mov [INDEX],rbx
            49 ff c9                       ; dec r9
            0f 85 58 ff ff ff              ; jne page
            4d 85 c0                       ; test r8,r8
            0f 84 f4 fe ff ff              ; je start
            ba 64 06 00 00                 ; mov edx,0x664
            ed                             ; in eax,dx
            48 ff 87 88 00 00 00           ; inc [BEATS]
            e9 27 ff ff ff                 ; jmp chunk
            bad: # count it, only the first one is described
            48 ff 47 68                    ; inc [MISMATCHES]
            48 83 7f 68 01                 ; cmp [MISMATCHES],0x1
            75 94                          ; jne write
            4c 89 d2                       ; mov rdx,r10
            48 c1 ea 0c                    ; shr rdx,0xc
            48 89 57 70                    ; mov [FIRST_MISMATCH_PAGE],rdx
            4c 89 67 78                    ; mov [FIRST_MISMATCH_EXPECTED],r12
            4c 89 b7 80 00 00 00           ; mov [FIRST_MISMATCH_FOUND],r14
            e9 79 ff ff ff                 ; jmp write
            """;

    /**
     * The dirtier, which besides tells the host of its free pages through its {@link HintRing}, takes some of them into
     * use, and gives them up.
     */
    private static final String BALLOONER = """
            start: # the balloon first, r15 = ring: a new command begins with the first free page
            4c 8d bf 00 00 04 00           ; lea r15,[rdi+0x40000]
            49 8b 17                       ; mov rdx,[r15+COMMAND]
            48 3b 97 b0 00 00 00           ; cmp rdx,[HINT_EPOCH]
            74 0f                          ; je tell
            48 89 97 b0 00 00 00           ; mov [HINT_EPOCH],rdx
            48 83 a7 b8 00 00 00 00        ; and [HINT_NEXT],0x0
            tell: # rdx = epoch, r8 = next free page, r9 = how many are left
            48 85 d2                       ; test rdx,rdx
            74 79                          ; je take
            4c 8b 87 b8 00 00 00           ; mov r8,[HINT_NEXT]
            48 8b 4f 18                    ; mov rcx,[PAGE_COUNT]
            49 39 c8                       ; cmp r8,rcx
            4c 0f 42 c1                    ; cmovb r8,rcx
            4c 8b 8f a8 00 00 00           ; mov r9,[END_COUNT]
            4d 29 c1                       ; sub r9,r8
            76 57                          ; jbe told
            49 8b 5f 10                    ; mov rbx,[r15+HEAD]
            48 89 d8                       ; mov rax,rbx
            49 2b 47 08                    ; sub rax,[r15+TAIL]
            48 3d 80 00 00 00              ; cmp rax,0x80
            73 48                          ; jae take
            b9 00 02 00 00                 ; mov ecx,0x200
            49 39 c9                       ; cmp r9,rcx
            4c 0f 47 c9                    ; cmova r9,rcx
            83 e3 7f                       ; and ebx,0x7f
            c1 e3 04                       ; shl ebx,0x4
            48 c1 e2 20                    ; shl rdx,0x20
            4c 09 ca                       ; or rdx,r9
            49 89 94 1f 00 01 00 00        ; mov [r15+rbx+ENTRIES],rdx
            48 8b 47 10                    ; mov rax,[FIRST_ADDRESS]
            48 c1 e8 0c                    ; shr rax,0xc
            4c 01 c0                       ; add rax,r8
            49 89 84 1f 08 01 00 00        ; mov [r15+rbx+ENTRIES+0x8],rax
            49 ff 47 10                    ; inc [r15+HEAD]
            4d 01 c8                       ; add r8,r9
            4c 89 87 b8 00 00 00           ; mov [HINT_NEXT],r8
            eb 04                          ; jmp take
            told: # all free pages have been told
            49 89 57 18                    ; mov [r15+DONE],rdx
            take: # every 16th beat: one more free page into use, as if it had been written a sweep ago
            48 f7 87 88 00 00 00 0f 00 00 00 ; test [BEATS],0xf
            75 47                          ; jne beat
            48 8b 5f 18                    ; mov rbx,[PAGE_COUNT]
            48 3b 9f a0 00 00 00           ; cmp rbx,[MAX_COUNT]
            73 29                          ; jae give
            48 8b 47 50                    ; mov rax,[GENERATION]
            48 ff c8                       ; dec rax
            48 c1 e0 20                    ; shl rax,0x20
            48 09 d8                       ; or rax,rbx
            49 89 da                       ; mov r10,rbx
            49 c1 e2 0c                    ; shl r10,0xc
            4c 03 57 10                    ; add r10,[FIRST_ADDRESS]
            49 89 02                       ; mov [r10],rax
            49 89 82 f8 0f 00 00           ; mov [r10+0xff8],rax
            48 ff 47 18                    ; inc [PAGE_COUNT]
            eb 11                          ; jmp beat
            give: # half of them are in use: all are free again, unless the sweep is just there
            48 8b 87 98 00 00 00           ; mov rax,[BASE_COUNT]
            48 39 47 40                    ; cmp [POSITION],rax
            73 04                          ; jae beat
            48 89 47 18                    ; mov [PAGE_COUNT],rax
            beat: # wait for the next tick, or only beat when the rate is unlimited
            ba 60 06 00 00                 ; mov edx,0x660
            b8 64 06 00 00                 ; mov eax,0x664
            48 83 7f 20 00                 ; cmp [RATE],0x0
            0f 44 d0                       ; cmove edx,eax
            ed                             ; in eax,dx
            48 ff 87 88 00 00 00           ; inc [BEATS]
            48 01 87 90 00 00 00           ; add [TICKS],rax
            4c 8b 47 38                    ; mov r8,[BURST]
            48 8b 4f 20                    ; mov rcx,[RATE]
            48 85 c9                       ; test rcx,rcx
            74 1b                          ; je chunk
            48 0f af c1                    ; imul rax,rcx
            48 03 47 58                    ; add rax,[ACCUMULATOR]
            89 c1                          ; mov ecx,eax
            48 89 4f 58                    ; mov [ACCUMULATOR],rcx
            49 89 c0                       ; mov r8,rax
            49 c1 e8 20                    ; shr r8,0x20
            0f 84 c3 fe ff ff              ; je start
            """ + STAMPING.formatted("1e fe ff ff");

    private MachineCode() {}

    static byte[] of(GuestProgram program) {
        return bytes(
                switch (program) {
                    case IDLE -> IDLE;
                    case DIRTIER -> DIRTIER;
                    case STEPPER -> STEPPER;
                    case BALLOONER -> BALLOONER;
                    case SERVICE -> ServiceCode.LISTING;
                });
    }

    private static byte[] bytes(String listing) {
        StringBuilder digits = new StringBuilder();
        for (String line : listing.lines().toList()) {
            int semicolon = line.indexOf(';');
            if (semicolon >= 0) {
                digits.append(line, 0, semicolon);
            }
        }
        return HexFormat.of().parseHex(digits.toString().replace(" ", ""));
    }
}
