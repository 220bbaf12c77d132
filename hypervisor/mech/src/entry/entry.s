# From a guest into ring 0 and back. The story and the pictures: entry/mod.rs.
#
# Everything here runs from the entry area, which guests and the hypervisor map
# at the same address. It may touch only the entry area before the hypervisor's
# CR3 is loaded, and only Regs-sized records of the interrupted guest itself.
#
# The addresses xl_entry_info, xl_entry_scratch, xl_entry_stack_top and
# xl_percpu_run_rsp are given to the linker by build.rs, from layout.rs.

.section .entry.text, "ax", @progbits

# Stack on entry to push_gprs, from the top: SS RSP RFLAGS CS RIP, then one word
# whose low half is the error code and whose high half is the vector.
.macro push_gprs
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
.endm

.macro pop_gprs
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
.endm

# ---------------------------------------------------------------- IDT stubs
# One stub per vector, {stub_stride} bytes apart. Where the CPU pushes no error
# code a zero stands in; the vector goes into the word's upper half.
.balign {stub_stride}
.globl xl_vector_stubs
xl_vector_stubs:
.set vector, 0
.rept 256
    .balign {stub_stride}
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push 0
    .endif
    mov dword ptr [rsp + 4], vector
    .if (vector == {nmi}) || (vector == {double_fault}) || (vector == {machine_check})
    jmp paranoid_entry
    .else
    jmp exit_guest
    .endif
    .set vector, vector + 1
.endr
.balign {stub_stride}

# ------------------------------------------------------------ guest -> ring 0
exit_guest:
    test byte ptr [rsp + {word_cs}], 3
    jz from_ring0
    push_gprs
leave_guest:
    cld
    mov rsi, rsp
    mov rax, [rip + xl_entry_info]      # Info::hv_cr3
    mov cr3, rax
    mov rsp, [rip + xl_percpu_run_rsp]
    pop rdi                             # the Regs that run() was given
    mov ecx, {regs_words}
    rep movsq
return_from_run:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

# SYSCALL: RCX = return address, R11 = RFLAGS, RSP still the guest's. The CPU
# does not say from which ring: the words pushed for SS and CS are placeholders.
.globl xl_syscall_entry
xl_syscall_entry:
    mov [rip + xl_entry_scratch], rsp
    lea rsp, [rip + xl_entry_stack_top]
    push {user_ss}
    push qword ptr [rip + xl_entry_scratch]
    push r11
    push {user_cs}
    push rcx
    push 0
    mov dword ptr [rsp + 4], {syscall_vector}
    push_gprs
    jmp leave_guest

.globl xl_syscall32_entry
xl_syscall32_entry:
    mov [rip + xl_entry_scratch], rsp
    lea rsp, [rip + xl_entry_stack_top]
    push {user_ss}
    push qword ptr [rip + xl_entry_scratch]
    push r11
    push {user_cs32}
    push rcx
    push 0
    mov dword ptr [rsp + 4], {syscall32_vector}
    push_gprs
    jmp leave_guest

# ------------------------------------------------------------ ring 0 -> guest
# extern "sysv64" fn xl_enter_guest(regs: *mut Regs, guest_cr3: u64)
# Returns when the guest has come back, by return_from_run above.
.globl xl_enter_guest
xl_enter_guest:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov [rip + xl_percpu_run_rsp], rsp
    mov rdx, rsi
    mov rsi, rdi
    lea rsp, [rip + xl_entry_stack_top]
    sub rsp, {regs_size}
    mov rdi, rsp
    mov ecx, {regs_words}
    cld
    rep movsq
    mov cr3, rdx
    pop_gprs
    add rsp, 8                          # error code and vector
.globl xl_iret_to_guest
xl_iret_to_guest:
    iretq

# --------------------------------------------------------- ring 0 interrupted
# Here come: the IRETQ above when the guest's frame is bad; an interrupt in the
# window where ring 0 lets one in; and what must not happen.
from_ring0:
    push rax
    lea rax, [rip + xl_iret_to_guest]
    cmp rax, [rsp + 8 + {word_rip}]
    je iret_faulted
    pop rax
    push_gprs
    mov rbx, cr3
    mov rax, [rip + xl_entry_info]
    mov cr3, rax
    cld
    mov rbp, rsp
    mov rdi, rsp
    # A fault mostly ends the machine, and may have come on the small entry stack or
    # on a broken one: last words get a stack of their own. #DB came on a stack that
    # guests can read, and leaves it too.
    mov eax, [rsp + {regs_entry_vector}]
    cmp eax, {first_external}
    jae 1f
    lea rsp, [rip + xl_private_db_top]
    cmp eax, {debug}
    je 1f
    lea rsp, [rip + xl_private_df_top]
1:  and rsp, -16
    movabs rax, offset xl_ring0_interrupted
    call rax
    mov rsp, rbp
    mov cr3, rbx
    pop_gprs
    add rsp, 8
    iretq

# The guest cannot be entered as asked. Its Regs stay as they were; vector and
# error code of the fault replace those of its last exit.
iret_faulted:
    mov rdx, [rsp + 8]                  # vector and error code
    mov rax, [rip + xl_entry_info]
    mov cr3, rax
    mov rsp, [rip + xl_percpu_run_rsp]
    pop rdi
    mov [rdi + {regs_error_code}], rdx
    or dword ptr [rdi + {regs_entry_vector}], {iret_faulted_flag}
    jmp return_from_run

# NMI, #DF, #MC: at any instruction, with either CR3. Goes to the vector's
# private stack; returns only from an NMI.
paranoid_entry:
    push_gprs
    cld
    mov rbx, cr3
    mov rax, [rip + xl_entry_info]
    mov cr3, rax
    mov rbp, rsp
    mov rdi, rsp
    mov eax, [rsp + {regs_entry_vector}]
    lea rsp, [rip + xl_private_nmi_top]
    cmp eax, {nmi}
    je 2f
    lea rsp, [rip + xl_private_df_top]
    cmp eax, {double_fault}
    je 2f
    lea rsp, [rip + xl_private_mc_top]
2:  movabs rax, offset xl_paranoid_handler
    call rax
    mov rsp, rbp
    mov cr3, rbx
    pop_gprs
    add rsp, 8
    iretq
