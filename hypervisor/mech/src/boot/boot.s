# From the boot loader's 32-bit protected mode to Rust in the high image.
#
# On entry (multiboot 1 and 2): EAX = magic, EBX = information structure, flat
# segments, paging and interrupts off. ESI and EBP keep the two values until Rust
# takes them.
#
# Early tables, one block of BOOT_TABLE_PAGES pages at boot_tables:
#   page 0    root: slot 0 and slot DIRECT_SLOT -> page 1, slot IMAGE_SLOT -> page 6
#   page 1    L3 of the first 4 GiB -> pages 2..5
#   page 2-5  L2s: 4 GiB in 2 MiB pages
#   page 6    L3 of the image -> page 7
#   page 7    L2 of the image: its 2 MiB pages
# They allow everything, and live until mech::mm has made the final ones.

.section .boot.head, "a"
.balign 8
boot_multiboot1:
    .long {MB1_HEADER_MAGIC}
    .long {MB1_FLAGS}
    .long -({MB1_HEADER_MAGIC} + {MB1_FLAGS})
    .long boot_multiboot1
    .long __load_start
    .long __load_end
    .long __bss_end_load
    .long boot_entry

.balign 8
boot_multiboot2:
    .long {MB2_HEADER_MAGIC}
    .long 0                                     # i386 protected mode
    .long boot_multiboot2_end - boot_multiboot2
    .long -({MB2_HEADER_MAGIC} + (boot_multiboot2_end - boot_multiboot2))
    # What we want to be told; none of it is a condition.
    .balign 8
10: .short {MB2_TAG_REQUEST}, {MB2_OPTIONAL}
    .long 11f - 10b
    .long {MB2_INFO_CMDLINE}, {MB2_INFO_MODULE}, {MB2_INFO_MEMORY_MAP}, {MB2_INFO_RSDP1}, {MB2_INFO_RSDP2}
11:
    .balign 8
20: .short {MB2_TAG_ADDRESS}, 0
    .long 21f - 20b
    .long boot_multiboot2, __load_start, __load_end, __bss_end_load
21:
    .balign 8
30: .short {MB2_TAG_ENTRY}, 0
    .long 31f - 30b
    .long boot_entry
31:
    .balign 8
40: .short {MB2_TAG_MODULE_ALIGN}, 0
    .long 41f - 40b
41:
    .balign 8
    .short {MB2_TAG_END}, 0
    .long 8
boot_multiboot2_end:

.section .boot.data, "aw"
.balign 8
boot_gdt_low:
    .quad 0
    .quad {GDT_CODE64}
    .quad {GDT_DATA}
boot_gdt_low_pointer:
    .short boot_gdt_low_pointer - boot_gdt_low - 1
    .long boot_gdt_low
boot_text_no_cpu:
    .asciz "(XL) This CPU has no 64-bit mode or no NX; an x86-64 CPU is needed.\r\n"
boot_text_no_loader:
    .asciz "(XL) Not started by a multiboot 1 or 2 loader.\r\n"

.section .boot.text, "ax"
.code32
.global boot_entry
boot_entry:
    cli
    cld
    mov esi, eax
    mov ebp, ebx

    # BSS, which holds the early tables and the boot stack.
    mov edi, offset __bss_start_load
    mov ecx, offset __bss_end_load
    sub ecx, edi
    shr ecx, 2
    xor eax, eax
    rep stosd

    cmp esi, {MB1_BOOT_MAGIC}
    je 1f
    cmp esi, {MB2_BOOT_MAGIC}
    mov edx, offset boot_text_no_loader
    jne boot_refuse
1:
    mov eax, {CPUID_EXT_MAX}
    cpuid
    cmp eax, {CPUID_EXT_FEATURES}
    mov edx, offset boot_text_no_cpu
    jb boot_refuse
    mov eax, {CPUID_EXT_FEATURES}
    cpuid
    and edx, {CPUID_LM_NX}
    cmp edx, {CPUID_LM_NX}
    mov edx, offset boot_text_no_cpu
    jne boot_refuse

    mov edi, offset boot_tables_load
    lea eax, [edi + 1 * 4096 + {PTE_TABLE}]
    mov [edi], eax
    mov [edi + {DIRECT_SLOT} * 8], eax
    lea eax, [edi + 6 * 4096 + {PTE_TABLE}]
    mov [edi + {IMAGE_SLOT} * 8], eax
    lea eax, [edi + 7 * 4096 + {PTE_TABLE}]
    mov [edi + 6 * 4096], eax

    lea eax, [edi + 2 * 4096 + {PTE_TABLE}]
    xor ecx, ecx
2:  mov [edi + 1 * 4096 + ecx * 8], eax
    add eax, 4096
    inc ecx
    cmp ecx, 4
    jne 2b

    mov eax, {PTE_LARGE}
    xor ecx, ecx
3:  mov [edi + 2 * 4096 + ecx * 8], eax
    add eax, {LARGE_PAGE}
    inc ecx
    cmp ecx, 4 * 512
    jne 3b

    mov eax, {IMAGE_LOAD} + {PTE_LARGE}
    xor ecx, ecx
4:  mov [edi + 7 * 4096 + ecx * 8], eax
    add eax, {LARGE_PAGE}
    inc ecx
    cmp ecx, {IMAGE_LARGE_PAGES}
    jne 4b

    mov eax, cr4
    or eax, {CR4_PAE}
    mov cr4, eax
    mov cr3, edi
    mov ecx, {MSR_EFER}
    rdmsr
    or eax, {EFER_LME_NXE}
    wrmsr
    mov eax, cr0
    or eax, {CR0_PG_WP_PE}
    mov cr0, eax
    lgdt [boot_gdt_low_pointer]
    # Far return into the 64-bit code segment; the stack for it is the boot stack.
    lea esp, [edi + ({BOOT_TABLE_PAGES} + 1) * 4096 + {BOOT_STACK_SIZE}]
    push {BOOT_CS}
    mov eax, offset boot_long_mode
    push eax
    retf

# EDX = text. Says it on COM1 as the firmware left it, and stays.
boot_refuse:
    mov esi, edx
5:  mov dx, {COM1_LSR}
6:  in al, dx
    test al, {LSR_THRE}
    jz 6b
    mov al, [esi]
    inc esi
    test al, al
    jz 7f
    mov dx, {COM1}
    out dx, al
    jmp 5b
7:  hlt
    jmp 7b

.code64
boot_long_mode:
    movabs rax, offset boot_high
    jmp rax

.section .text, "ax"
boot_high:
    lgdt [rip + boot_gdt_pointer]
    mov eax, {BOOT_DS}
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    lea rsp, [rip + boot_stack_top]
    mov edi, esi
    mov esi, ebp
    # The end of every back trace.
    xor ebp, ebp
    call {start}
    ud2

.section .rodata, "a"
.balign 8
# Accessed bits are set: the CPU never writes here. APs use it too.
.global boot_gdt_pointer
boot_gdt:
    .quad 0
    .quad {GDT_CODE64}
    .quad {GDT_DATA}
boot_gdt_pointer:
    .short boot_gdt_pointer - boot_gdt - 1
    .quad boot_gdt

.section .bss, "aw", @nobits
.balign 4096
.global boot_tables
boot_tables:
    .skip {BOOT_TABLE_PAGES} * 4096
# Unmapped as soon as the final tables are in use.
.global boot_stack_guard
boot_stack_guard:
    .skip 4096
    .skip {BOOT_STACK_SIZE}
boot_stack_top:
