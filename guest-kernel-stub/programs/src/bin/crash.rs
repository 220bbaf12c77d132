//! Does one thing that a program must not do, chosen by its argument. The kernel has to
//! end this program, by the signal that Linux would send, and go on itself.

use std::arch::asm;
use std::env;
use std::hint::black_box;

/// An address of the kernel's image, one of its direct map, one of the hypervisor's.
const KERNEL: u64 = 0xffff_ffff_8000_0000;
const DIRECT_MAP: u64 = 0xffff_8800_0000_0000;
const HYPERVISOR: u64 = 0xffff_8000_0000_0000;
/// No address at all in 48 bits.
const NON_CANONICAL: u64 = 0x1234_5678_9abc_def0;

/// Name, expected exit status, and the deed.
type Deed = (&'static str, i32, fn());

const DEEDS: &[Deed] = &[
    ("read-null", 139, || read(0)),
    ("write-null", 139, || write(0)),
    ("read-kernel", 139, || read(KERNEL)),
    ("write-kernel", 139, || write(KERNEL)),
    ("call-kernel", 139, || call(KERNEL)),
    ("read-direct-map", 139, || read(DIRECT_MAP)),
    ("write-direct-map", 139, || write(DIRECT_MAP)),
    ("read-hypervisor", 139, || read(HYPERVISOR)),
    ("write-hypervisor", 139, || write(HYPERVISOR)),
    ("call-hypervisor", 139, || call(HYPERVISOR)),
    ("read-non-canonical", 139, || read(NON_CANONICAL)),
    ("write-code", 139, || write(main as *const () as u64)),
    ("call-data", 139, || call(&raw const DATA as u64)),
    // SAFETY: the program is meant to end here; so for all instructions below.
    ("hlt", 139, || unsafe { asm!("hlt") }),
    // SAFETY: as above.
    ("cli", 139, || unsafe { asm!("cli") }),
    // SAFETY: as above.
    ("out", 139, || unsafe { asm!("out 0x80, al") }),
    // SAFETY: as above.
    ("wrmsr", 139, || unsafe {
        asm!("wrmsr", in("ecx") 0xc000_0101_u32, in("eax") 0, in("edx") 0)
    }),
    // SAFETY: as above.
    ("cr3", 139, || unsafe { asm!("mov rax, cr3", out("rax") _) }),
    // SAFETY: as above.
    ("int-page-fault", 139, || unsafe { asm!("int 14") }),
    // SAFETY: as above.
    ("ud2", 132, || unsafe { asm!("ud2") }),
    // SAFETY: as above.
    ("int3", 133, || unsafe { asm!("int3") }),
    // SAFETY: as above.
    ("div", 136, || unsafe {
        asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _)
    }),
    ("abort", 134, || std::process::abort()),
    ("panic", 134, || panic!("as asked")),
    ("stack-overflow", 139, || {
        black_box(overflow(black_box(1)));
    }),
];

/// Bytes that are data: a `ret`, should they be executed.
static DATA: [u8; 1] = [0xc3];

fn read(address: u64) {
    // SAFETY: the program is meant to end here.
    black_box(unsafe { (address as *const u64).read_volatile() });
}

fn write(address: u64) {
    // SAFETY: the program is meant to end here.
    unsafe { (address as *mut u64).write_volatile(0) };
}

fn call(address: u64) {
    // SAFETY: the program is meant to end here.
    let code: extern "C" fn() = unsafe { std::mem::transmute(address as *const ()) };
    code();
}

#[expect(unconditional_recursion, reason = "its stack is meant to end")]
fn overflow(depth: u64) -> u64 {
    let page = black_box([depth; 512]);
    overflow(depth + 1) + page[0]
}

fn main() {
    let wanted = env::args().nth(1);
    match DEEDS.iter().find(|deed| Some(deed.0) == wanted.as_deref()) {
        Some((name, status, deed)) => {
            println!("crash: {name}, expects status {status}");
            deed();
            println!("crash: {name} HAD NO CONSEQUENCE");
        }
        None => {
            for (name, status, _) in DEEDS {
                println!("{name} {status}");
            }
        }
    }
}
