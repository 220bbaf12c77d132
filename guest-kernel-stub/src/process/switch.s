# switch_stacks(save: rdi, load: rsi): a call that returns on another stack.
# The stack of who does not run: r15, r14, r13, r12, rbx, rbp, return address. For a
# process that has not run yet that address is trap_return, with its first frame above.

    .section .text.switch_stacks, "ax", @progbits
    .globl switch_stacks
switch_stacks:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
