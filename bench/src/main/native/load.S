// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// A program that QEMU's -kernel option boots (Multiboot 1): the header that the loader looks for, the first instructions, and
// the timer interrupt's handler. All else is in load.c.

	.set	MAGIC, 0x1badb002
	.set	FLAGS, 0x2		// wants the memory sizes

	.text
	.balign	4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.globl	_start
_start:
	cli
	mov	$stack_top, %esp
	lgdt	gdt_pointer
	ljmp	$8, $1f
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	push	%ebx			// the loader's description of the machine
	call	run

	.globl	timer_interrupt
timer_interrupt:
	push	%eax
	mov	$0x20, %al		// end of interrupt, to the first interrupt controller
	outb	%al, $0x20
	pop	%eax
	iret

	.section .rodata
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	// code: 4 GiB flat
	.quad	0x00cf92000000ffff	// data: 4 GiB flat
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.balign	16
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
