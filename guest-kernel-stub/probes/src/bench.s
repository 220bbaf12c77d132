# The shortest kernel entries that do their work and go back, for measuring the ways in and out.

    .section .text.bench, "ax", @progbits

# A system call that does nothing. The frame: rcx, r11, rip, cs, rflags, rsp, ss.
    .globl bench_syscall
bench_syscall:
    pop rcx
    pop r11
    push 0
    jmp hypercall_page + 32 * {IRET}

# A system call that switches to the other process. Both run the same code at the same
# addresses and use only r12 to r15, so that one's frame is the other's.
    .globl bench_switch
bench_switch:
    pop rcx
    pop r11
    xor qword ptr [rip + bench_which], 1
    lea rdi, [rip + bench_lists]
    mov rax, [rip + bench_which]
    mov rdi, [rdi + rax*8]
    mov esi, 2
    xor edx, edx
    mov r10d, {DOMID_SELF}
    call hypercall_page + 32 * {MMUEXT_OP}
    push 0
    jmp hypercall_page + 32 * {IRET}

# A page fault that is got over by leaving out the instruction, which has 3 bytes.
    .globl bench_fault
bench_fault:
    pop rcx
    pop r11
    mov qword ptr [rsp], 0              # the error code's place: flags of the iret frame
    add qword ptr [rsp + 8], 3
    jmp hypercall_page + 32 * {IRET}

# An event that is taken: upcall_pending, the selector, the first word of the pending bits.
    .globl bench_event
bench_event:
    mov rcx, [rip + bench_shared]
    mov byte ptr [rcx], 0
    mov qword ptr [rcx + 8], 0
    mov qword ptr [rcx + {PENDING}], 0
    pop rcx
    pop r11
    push 0
    jmp hypercall_page + 32 * {IRET}

# User code: r12 times one thing; ticks before and after in r13 and r14.
    .macro ticks register
    rdtsc
    shl rdx, 32
    lea \register, [rax + rdx]
    .endm

    .globl bench_user_syscall
bench_user_syscall:
    ticks r13
2:  syscall
    dec r12
    jnz 2b
    ticks r14
    ud2

    .globl bench_user_fault
bench_user_fault:
    ticks r13
    xor edx, edx
2:  mov rax, [rdx]
    dec r12
    jnz 2b
    ticks r14
    ud2

    .pushsection .data.bench, "aw", @progbits
    .globl bench_which, bench_lists, bench_shared
bench_which: .quad 0
bench_lists: .quad 0, 0
bench_shared: .quad 0
    .popsection
