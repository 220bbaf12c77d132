# The ways into the kernel, and the one way back.
#
# What Xen pushes on the kernel stack before it enters here, lowest address first:
#
#     rcx, r11, [error code], rip, cs (bits 32-39: event mask before), rflags, rsp, ss
#
# rsp was aligned down to 16 before the pushes. Each stub makes a `traps::Frame` of it:
# rcx and r11 go back to their registers, a missing error code becomes 0, the vector
# goes below it, then all registers. 22 words in all, so rsp is a multiple of 16 again.

    .section .text.traps, "ax", @progbits

# A stub a vector, 16 bytes each, so that the trap table can be computed.
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 32
    .balign 16, 0xcc
    pop rcx
    pop r11
    .ifeq ({VECTORS_WITH_CODE} >> vector) & 1
    push 0
    .endif
    push vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .globl event_entry
event_entry:
    pop rcx
    pop r11
    push 0
    push {VECTOR_EVENT}
    jmp trap_common

    .globl syscall_entry
syscall_entry:
    pop rcx
    pop r11
    push 0
    push {VECTOR_SYSCALL}

trap_common:
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    call {dispatch}

# Leaves the kernel by the frame at rsp. A new process begins here.
    .globl trap_return
trap_return:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 8                      # the vector
    mov qword ptr [rsp], 0          # the error code's place: flags of the iret frame
    jmp hypercall_page + 32 * {HYPERCALL_IRET}

# copy_bytes(to: rdi, from: rsi, count: rdx) -> bytes not copied.
# A fault at copy_access continues at copy_landing (`traps::exception`); rcx is what is left.
    .globl copy_bytes
copy_bytes:
    mov rcx, rdx
    .globl copy_access
copy_access:
    rep movsb
    .globl copy_landing
copy_landing:
    mov rax, rcx
    ret
