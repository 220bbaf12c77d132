//! A small PV kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod kernel {
    use guest_kernel_stub::start::Boot;
    use guest_kernel_stub::{
        Xen, console, events, heap, kernel, memory, power, println, time, traps,
    };

    kernel!(main);

    fn main(boot: Boot) -> ! {
        println!("guest-kernel-stub {}", env!("CARGO_PKG_VERSION"));
        println!("command line: {:?}", boot.command_line());
        println!("version: {:?}", Xen::version());
        traps::init().expect("the hypervisor takes our trap table");
        let heap_addresses = memory::init(&boot, heap::share);
        // SAFETY: `memory::init` gives the addresses to the heap.
        unsafe { heap::init(heap_addresses) };
        memory::protect_image();
        println!(
            "memory: {} frames, {} free",
            memory::frames::total(),
            memory::frames::free_count()
        );
        let shared = memory::map_shared_info(&boot);
        // SAFETY: just mapped, and never unmapped.
        unsafe { events::init(shared) };
        time::init().expect("the hypervisor gives us a timer");
        console::listen();
        println!(
            "now {} ns, tsc {} Hz, wall {}",
            time::now_ns(),
            time::tsc_hz(),
            time::wall_clock_ns()
        );
        println!("probe {:?}", traps::probe_read::<u64>(0));
        time::sleep_ns(100_000_000);
        println!(
            "now {} ns, ticks {}, upcalls {}",
            time::now_ns(),
            time::ticks(),
            events::upcalls()
        );
        power::off()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is a guest kernel: build it with --target x86_64-unknown-none");
}
