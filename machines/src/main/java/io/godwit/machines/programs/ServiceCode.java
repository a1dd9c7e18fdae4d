// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

/** The service in machine code, in the manner of {@link MachineCode}; step for step what {@link JavaService} does. */
final class ServiceCode {
    static final String LISTING = """
            start: # beat and ask for a request
            ba 68 06 00 00                 ; mov edx,0x668
            wait: # of what is read bit 31 says that a request has come, the rest are ticks
            ed                             ; in eax,dx
            48 ff 87 88 00 00 00           ; inc [BEATS]
            0f ba f0 1f                    ; btr eax,0x1f
            11 c9                          ; adc ecx,ecx
            48 01 87 90 00 00 00           ; add [TICKS],rax
            f6 c1 01                       ; test cl,0x1
            74 e1                          ; je start
            request: # r8 = client, r9 = number, r10 = operation, r11 = key, r12 = value, rsi = the client's words
            4c 89 c6                       ; mov rsi,r8
            48 c1 e6 05                    ; shl rsi,0x5
            48 03 77 10                    ; add rsi,[FIRST_ADDRESS]
            48 8b 06                       ; mov rax,[rsi]
            4c 8b 76 10                    ; mov r14,[rsi+0x10]
            48 8d 48 01                    ; lea rcx,[rax+0x1]
            49 39 c9                       ; cmp r9,rcx
            74 38                          ; je do
            49 39 c1                       ; cmp r9,rax
            75 15                          ; jne behind
            4d 85 c9                       ; test r9,r9
            74 10                          ; je behind
            again: # the last one once more: the same answer
            45 31 d2                       ; xor r10d,r10d
            4c 8b 5e 08                    ; mov r11,[rsi+0x8]
            4d 89 f4                       ; mov r12,r14
            4c 8b 6e 18                    ; mov r13,[rsi+0x18]
            eb 17                          ; jmp answer
            behind: # any other number: status 1, and which was the last
            41 ba 01 00 00 00              ; mov r10d,0x1
            49 89 c3                       ; mov r11,rax
            4c 8b a7 c8 00 00 00           ; mov r12,[CELL_MASK]
            4c 8b af f0 00 00 00           ; mov r13,[SERIAL]
            answer: # r8 = client, r9 = number, r10 = status, r11 = value, r12 = checksum, r13 = serial
            ba 6c 06 00 00                 ; mov edx,0x66c
            eb 93                          ; jmp wait
            do: # the next one
            49 83 fa 03                    ; cmp r10,0x3
            74 68                          ; je touch
            77 58                          ; ja clock
            4c 23 9f c8 00 00 00           ; and r11,[CELL_MASK]
            49 c1 e3 03                    ; shl r11,0x3
            4c 03 9f c0 00 00 00           ; add r11,[CELLS]
            49 83 fa 02                    ; cmp r10,0x2
            75 07                          ; jne read
            4d 01 23                       ; add [r11],r12
            48 ff 47 60                    ; inc [WORK]
            read: # r14 = the client's checksum
            4d 8b 1b                       ; mov r11,[r11]
            48 b8 15 7c 4a 7f b9 79 37 9e  ; movabs rax,0x9e3779b97f4a7c15
            4c 0f af f0                    ; imul r14,rax
            4d 01 de                       ; add r14,r11
            done: # r11 = value, keep the answer
            48 ff 87 f0 00 00 00           ; inc [SERIAL]
            4c 8b af f0 00 00 00           ; mov r13,[SERIAL]
            4d 89 f4                       ; mov r12,r14
            45 31 d2                       ; xor r10d,r10d
            4c 89 0e                       ; mov [rsi],r9
            4c 89 5e 08                    ; mov [rsi+0x8],r11
            4c 89 66 10                    ; mov [rsi+0x10],r12
            4c 89 6e 18                    ; mov [rsi+0x18],r13
            eb 99                          ; jmp answer
            clock: # another value each time
            0f 31                          ; rdtsc
            48 c1 e2 20                    ; shl rdx,0x20
            48 09 d0                       ; or rax,rdx
            49 89 c3                       ; mov r11,rax
            eb cd                          ; jmp done
            touch: # the next r12 pages of those to touch, r15 = how often they will have been
            4c 3b a7 d8 00 00 00           ; cmp r12,[TOUCH_PAGES]
            4c 0f 47 a7 d8 00 00 00        ; cmova r12,[TOUCH_PAGES]
            4d 89 e3                       ; mov r11,r12
            48 8b 9f e0 00 00 00           ; mov rbx,[TOUCH_NEXT]
            4c 8b bf e8 00 00 00           ; mov r15,[ROUND]
            4d 85 e4                       ; test r12,r12
            74 a8                          ; je done
            page: # r10 = page
            49 89 da                       ; mov r10,rbx
            49 c1 e2 0c                    ; shl r10,0xc
            4c 03 97 d0 00 00 00           ; add r10,[TOUCHED]
            49 8d 4f ff                    ; lea rcx,[r15-0x1]
            49 8b 02                       ; mov rax,[r10]
            48 39 c8                       ; cmp rax,rcx
            75 30                          ; jne bad
            write:
            4d 89 3a                       ; mov [r10],r15
            48 ff 47 60                    ; inc [WORK]
            48 ff c3                       ; inc rbx
            48 3b 9f d8 00 00 00           ; cmp rbx,[TOUCH_PAGES]
            72 05                          ; jb same
            31 db                          ; xor ebx,ebx
            49 ff c7                       ; inc r15
            same:
            49 ff cc                       ; dec r12
            75 c9                          ; jne page
            48 89 9f e0 00 00 00           ; mov [TOUCH_NEXT],rbx
            4c 89 bf e8 00 00 00           ; mov [ROUND],r15
            e9 5e ff ff ff                 ; jmp done
            bad: # count it, only the first one is described
            48 ff 47 68                    ; inc [MISMATCHES]
            48 83 7f 68 01                 ; cmp [MISMATCHES],0x1
            75 c5                          ; jne write
            4d 89 d5                       ; mov r13,r10
            49 c1 ed 0c                    ; shr r13,0xc
            4c 89 6f 70                    ; mov [FIRST_MISMATCH_PAGE],r13
            48 89 4f 78                    ; mov [FIRST_MISMATCH_EXPECTED],rcx
            48 89 87 80 00 00 00           ; mov [FIRST_MISMATCH_FOUND],rax
            eb ad                          ; jmp write
            """;

    private ServiceCode() {}
}
