# A machine that needs no hypervisor: the runner's own tests boot it by multiboot.
#
# It says one line as the hypervisor would and one as a guest would, then echoes what
# it gets, a little slowly. Some bytes make it do what machines do at their ends:
#
#   ^D  power off (ACPI)     R  reset     T  triple fault
#   3 5 7 9  that exit status, by isa-debug-exit
#   D  be deaf: take nothing more, say nothing more

        .section .multiboot, "a"
        .balign 4
        .long   0x1badb002, 0, -0x1badb002

        .text
        .globl  _start
_start:
        cli
        movl    $stack_top, %esp
        # The FIFO is switched on and emptied, as a driver does: what came too early is lost.
        movw    $0x3fa, %dx
        movb    $0x07, %al
        outb    %al, %dx
        movl    $greeting, %esi
1:      lodsb
        testb   %al, %al
        jz      next
        call    put
        jmp     1b

next:   movw    $0x3fd, %dx
        inb     %dx, %al
        testb   $1, %al
        jz      next
        movw    $0x3f8, %dx
        inb     %dx, %al
        cmpb    $0x04, %al
        je      power_off
        cmpb    $'R', %al
        je      reset
        cmpb    $'T', %al
        je      triple_fault
        cmpb    $'D', %al
        je      deaf
        cmpb    $'3', %al
        je      verdict
        cmpb    $'5', %al
        je      verdict
        cmpb    $'7', %al
        je      verdict
        cmpb    $'9', %al
        je      verdict
        call    put
        movl    $20000, %ecx
2:      loop    2b
        jmp     next

put:    movb    %al, %ah
        movw    $0x3fd, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        movw    $0x3f8, %dx
        movb    %ah, %al
        outb    %al, %dx
        ret

power_off:
        movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
        jmp     deaf
reset:
        movw    $0xcf9, %dx
        movb    $0x06, %al
        outb    %al, %dx
        jmp     deaf
triple_fault:
        lidt    no_idt
        int3
verdict:
        subb    $'0', %al
        shrb    $1, %al
        movw    $0xf4, %dx
        outb    %al, %dx
deaf:   hlt
        jmp     deaf

        .section .rodata
greeting:
        .asciz  "(XL) the runner's test machine\r\nready\r\n"
        .balign 8
no_idt: .word   0
        .long   0

        .bss
        .balign 16
        .skip   1024
stack_top:
