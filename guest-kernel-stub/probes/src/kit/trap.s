# Into code that may trap, and out again by the trap.
#
# probe_enter saves the callee-saved registers and runs the code; whatever comes next
# into the kernel (an exception, a callback, or the code's own `ret`) is written down by
# probe_trapped, after which probe_enter returns to its caller, as longjmp does.

    .section .text.probe_trap, "ax", @progbits

# probe_enter(rdi: &Start). Offsets: 15 registers in the order of the pops below, then
# rip, user, cs, rflags, rsp, ss, flags.
    .globl probe_enter
probe_enter:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rip + probe_resume_rsp], rsp
    cmp qword ptr [rdi + 16*8], 0
    je 1f
    push qword ptr [rdi + 20*8]         # ss
    push qword ptr [rdi + 19*8]         # rsp
    push qword ptr [rdi + 18*8]         # rflags
    push qword ptr [rdi + 17*8]         # cs
    push qword ptr [rdi + 15*8]         # rip
    push qword ptr [rdi + 21*8]         # flags of the iret frame
    call 2f
    jmp hypercall_page + 32 * {HYPERCALL_IRET}
1:  lea rax, [rip + probe_returned]
    push rax
    mov [rip + probe_code_rsp], rsp
    push qword ptr [rdi + 15*8]
    call 2f
    ret                                 # into the code; its `ret` goes to probe_returned
2:  mov r15, [rdi + 0*8]
    mov r14, [rdi + 1*8]
    mov r13, [rdi + 2*8]
    mov r12, [rdi + 3*8]
    mov r11, [rdi + 4*8]
    mov r10, [rdi + 5*8]
    mov r9, [rdi + 6*8]
    mov r8, [rdi + 7*8]
    mov rbp, [rdi + 8*8]
    mov rsi, [rdi + 10*8]
    mov rdx, [rdi + 11*8]
    mov rcx, [rdi + 12*8]
    mov rbx, [rdi + 13*8]
    mov rax, [rdi + 14*8]
    mov rdi, [rdi + 9*8]
    ret

# The entries. The hypervisor's frame lies at rsp: rcx, r11, [code], rip, cs, rflags, rsp, ss.
    .balign 16
    .globl probe_stubs
probe_stubs:
    .set vector, 0
    .rept 256
    .balign 16, 0xcc
    push vector
    jmp probe_common
    .set vector, vector + 1
    .endr

    .globl probe_event
probe_event:
    push {EVENT}
    jmp probe_common
    .globl probe_syscall
probe_syscall:
    push {SYSCALL}
    jmp probe_common
    .globl probe_failsafe
probe_failsafe:
    push {FAILSAFE}
    jmp probe_common
probe_returned:
    push {RETURNED}

probe_common:
    push rax
    push rbx
    push rcx
    push rdx
    push rsi
    push rdi
    push rbp
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    pushfq
    mov eax, cs
    push rax
    mov eax, ss
    push rax
    cld
    mov rdi, rsp
    mov rbx, rsp
    and rsp, -16
    call {trapped}
    test al, al
    jnz 1f
    mov rsp, [rip + probe_resume_rsp]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
1:  lea rsp, [rbx + 24]                 # back to what the event interrupted
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rbp
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 8
    pop rcx
    pop r11
    push 0
    jmp hypercall_page + 32 * {HYPERCALL_IRET}
