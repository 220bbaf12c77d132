# The first instructions of a vCPU that the kernel brings up (`bring_up::context`).
#
# rdi = what it is to run, rsp = the end of its stack, GS base = its own data.

    .section .text.vcpus, "ax", @progbits
    .globl vcpu_start
vcpu_start:
    cld
    xor ebp, ebp                    # a back trace ends here
    call rdi
    ud2
