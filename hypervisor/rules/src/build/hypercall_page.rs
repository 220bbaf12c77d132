//! The hypercall page: one stub for each hypercall number.
//!
//! A guest calls the stub at 32 times the number, with the arguments in registers.
//! `syscall` destroys rcx and r11, so a stub keeps them on the guest's stack; every
//! register but rax comes back as it was.
//!
//! ```text
//!   push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx; ret
//! ```
//!
//! `iret` does not return: its stub leaves rcx, r11 and rax on the stack as the frame that
//! the call takes them from.

/// Bytes of a stub.
pub const STUB_SIZE: usize = 32;
/// The number of `iret`.
const IRET: usize = 23;

/// Fills a page with stubs, and with `int3` where there are none.
///
/// Numbers that mean nothing have stubs too, and yield -ENOSYS.
pub fn write(page: &mut [u8; 4096]) {
    page.fill(0xcc);
    for (number, slot) in page.chunks_exact_mut(STUB_SIZE).enumerate() {
        // Fewer than 128 slots in a page.
        let n = number as u8;
        let call: &[u8] = if number == IRET {
            // push rcx; push r11; push rax; mov eax, 23; syscall
            &[0x51, 0x41, 0x53, 0x50, 0xb8, n, 0, 0, 0, 0x0f, 0x05]
        } else {
            &[
                0x51, 0x41, 0x53, 0xb8, n, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3,
            ]
        };
        for (to, &from) in slot.iter_mut().zip(call) {
            *to = from;
        }
    }
}
