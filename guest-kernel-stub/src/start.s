# The first instructions of a PV guest.
#
# At _start (pv-abi: state of vCPU 0): rsi = start info, rsp = end of the boot
# stack that the builder made above the page tables, all events masked, 64-bit
# flat segments, the builder's page tables live.

    .section .text.start, "ax", @progbits
    .globl _start
_start:
    cld
    xor ebp, ebp                    # a back trace ends here
    mov rdi, rsi                    # start info
    mov rsi, rsp                    # end of all the builder made
    lea rsp, [rip + boot_stack + {BOOT_STACK_SIZE}]
    call {begin}
    ud2
