// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// A program that QEMU's -kernel option boots (Multiboot 1): the header that the loader looks for, the way into 64-bit
// mode and from there into ring 3, and the interrupt handlers. All else is in load.c.

	.set	MAGIC, 0x1badb002
	.set	FLAGS, 0x2		// wants the memory sizes

	.set	SYSENTER_CS, 0x174
	.set	EXTENDED_FEATURES, 0xc0000080
	.set	KERNEL_CODE, 0x08
	.set	KERNEL_DATA, 0x10
	.set	USER_CODE, 0x28 + 3	// where sysexit looks for it: 32 behind KERNEL_CODE
	.set	USER_DATA, 0x30 + 3
	.set	TASK, 0x38
	.set	USER_FLAGS, 0x0002	// interrupts off
	.set	TASK_BYTES, 104 + 0x400 / 8 + 1

	.text
	.balign	4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.code32
	.globl	_start
_start:
	cli
	mov	$stack_top, %esp
	// Flat page tables of 2 MiB pages over 4 GiB, open to ring 3.
	movl	$directory_pointers + 7, page_map
	xor	%ecx, %ecx
1:	mov	%ecx, %eax
	shl	$12, %eax
	add	$directories + 7, %eax
	mov	%eax, directory_pointers(, %ecx, 8)
	inc	%ecx
	cmp	$4, %ecx
	jne	1b
	xor	%ecx, %ecx
	mov	$0x87, %eax
2:	mov	%eax, directories(, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$2048, %ecx
	jne	2b
	mov	%cr4, %eax
	or	$0x20, %eax		// physical address extension
	mov	%eax, %cr4
	mov	$page_map, %eax
	mov	%eax, %cr3
	mov	$EXTENDED_FEATURES, %ecx
	rdmsr
	or	$0x100, %eax		// long mode
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax	// paging
	mov	%eax, %cr0
	lgdt	descriptors_pointer
	ljmp	$KERNEL_CODE, $3f

	.code64
3:	mov	$KERNEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%ebx, %edi		// the loader's description of the machine
	call	run

// void enter_ring3(void (*program)(void), int by_sysexit): the program must not return. Two ways, because some
// hypervisors that emulate ring 0 know one of them only.
	.globl	enter_ring3
enter_ring3:
	movq	$stack_top, task + 4	// the stack for a way back
	movw	$104, task + 102	// where the ports' bits are
	movb	$0xff, task + TASK_BYTES - 1
	mov	$task, %eax
	mov	%ax, task_descriptor + 2
	shr	$16, %eax
	mov	%al, task_descriptor + 4
	mov	%ah, task_descriptor + 7
	mov	$TASK, %eax
	ltr	%ax
	pushq	$USER_FLAGS
	popfq
	test	%esi, %esi
	jz	4f
	mov	$SYSENTER_CS, %ecx
	mov	$KERNEL_CODE, %eax
	xor	%edx, %edx
	wrmsr
	mov	%rdi, %rdx
	mov	$user_stack_top - 8, %ecx
	sysexitq
4:	pushq	$USER_DATA
	pushq	$user_stack_top - 8
	pushq	$USER_FLAGS
	pushq	$USER_CODE
	push	%rdi
	iretq

	.globl	timer_interrupt
timer_interrupt:
	push	%rax
	mov	$0x20, %al		// end of interrupt, to the first interrupt controller
	outb	%al, $0x20
	pop	%rax
	iretq

// A program in ring 3 may not halt: when it tries, the fault ends here, and the processor halts in its stead.
	.globl	halt_for_ever
halt_for_ever:
	cli
	hlt
	jmp	halt_for_ever

	.data
	.balign	8
descriptors:
	.quad	0
	.quad	0x00af9a000000ffff	// code, ring 0
	.quad	0x00cf92000000ffff	// data, ring 0
	.quad	0
	.quad	0
	.quad	0x00affa000000ffff	// code, ring 3
	.quad	0x00cff2000000ffff	// data, ring 3
task_descriptor:
	.quad	0x0000890000000000 + TASK_BYTES - 1
	.quad	0
descriptors_pointer:
	.word	. - descriptors - 1
	.long	descriptors

	.bss
	.balign	4096
page_map:
	.skip	4096
directory_pointers:
	.skip	4096
directories:
	.skip	4 * 4096
task:
	.skip	TASK_BYTES		// behind the 104 bytes, a bit for each port below 0x400, clear: ring 3 may use it
	.balign	16
	.skip	8192
stack_top:
	.skip	8192
user_stack_top:

	.section .note.GNU-stack, "", @progbits
