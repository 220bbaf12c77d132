# Exceptions before the kernel has its own IDT: every one is the end.
#
# Stack at the call of Rust, from RSP upwards (see `Trap` in early_traps.rs):
#   r15 r14 r13 r12 r11 r10 r9 r8 rbp rdi rsi rdx rcx rbx rax
#   vector, error code (0 where the CPU pushes none), rip cs rflags rsp ss

.section .text, "ax"
.balign 16
.global boot_trap_stubs
boot_trap_stubs:
.set vector, 0
.rept {VECTORS}
    .balign 16
    .if !(({WITH_ERROR_CODE} >> vector) & 1)
    push 0
    .endif
    push vector
    jmp boot_trap_common
    .set vector, vector + 1
.endr

boot_trap_common:
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
    mov rdi, rsp
    mov rbp, rsp
    and rsp, -16
    cld
    call {report}
    ud2
