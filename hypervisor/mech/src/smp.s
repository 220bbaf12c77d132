# How another CPU gets from its reset to Rust.
#
# AP_START..AP_END is copied to a page below 1 MiB (the blob is position independent in
# real mode: CS = DS = the page). smp.rs fills in the words at ap_gdt_base, ap_root and
# ap_far_jump. The page is in the early tables' identity map, on which the CPU switches
# straight from real mode to 64-bit mode; it then jumps to the image, takes its own root,
# and with it its own stack.

.section .rodata, "a"
.balign 16
.code16
.global ap_start
ap_start:
    jmp ap_real_mode
.balign 8
ap_gdt:
    .quad 0
    .quad {GDT_CODE64}
    .quad {GDT_DATA}
.global ap_gdt_pointer
ap_gdt_pointer:
    .short ap_gdt_pointer - ap_gdt - 1
.global ap_gdt_base
ap_gdt_base:
    .long 0
.balign 8
.global ap_root
ap_root:
    .long 0

# A memory operand cannot be a difference of labels: the offsets come from Rust, which checks them.
ap_real_mode:
    cli
    cld
    mov ax, cs
    mov ds, ax
    lgdtd [{AP_GDT_POINTER}]
    mov eax, {CR4_PAE}
    mov cr4, eax
    mov eax, dword ptr [{AP_ROOT}]
    mov cr3, eax
    mov ecx, {MSR_EFER}
    rdmsr
    or eax, {EFER_LME_NXE}
    wrmsr
    mov eax, {CR0_PG_WP_PE}
    mov cr0, eax
    # To ap_long_mode in the 64-bit code segment.
    .byte 0x66, 0xea
.global ap_far_jump
ap_far_jump:
    .long 0
    .short {BOOT_CS}
.code64
.global ap_long_mode
ap_long_mode:
    movabs rax, offset ap_high
    jmp rax
.global ap_end
ap_end:

.section .text, "ax"
ap_high:
    lgdt [rip + boot_gdt_pointer]
    mov eax, {BOOT_DS}
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov rax, [rip + {own_root}]
    mov cr3, rax
    movabs rsp, {STACK_TOP}
    # The end of every back trace.
    xor ebp, ebp
    call {start}
    ud2

# RDI = root (CR3), RSI = function that does not return, RDX = its argument.
# Leaves the present stack for this CPU's own.
.global smp_change_stack
smp_change_stack:
    mov cr3, rdi
    movabs rsp, {STACK_TOP}
    xor ebp, ebp
    mov rdi, rdx
    call rsi
    ud2
