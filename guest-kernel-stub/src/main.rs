//! The reference kernel: what a PV guest does from its first instruction to programs in
//! ring 3, told from top to bottom. The facilities are in the library of the same name.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod report;
#[cfg(target_os = "none")]
mod shell;

#[cfg(target_os = "none")]
mod tale {
    use guest_kernel_stub::start::Boot;
    use guest_kernel_stub::{
        console, events, files, heap, kernel, memory, process, time, traps, vcpus,
    };

    use crate::{report, shell};

    kernel!(main);

    /// Each line says what can be done after it. Before the first, `print!` works already.
    fn main(boot: Boot) -> ! {
        // Faults are told to us, and not to the hypervisor's last resort.
        traps::init().expect("the hypervisor takes our trap table");

        // All frames are mapped, and free ones can be had; then Box and Vec.
        let for_the_heap = memory::init(&boot, heap::share);
        // SAFETY: `memory::init` set these addresses aside, and nobody else uses them.
        unsafe { heap::init(for_the_heap) };
        // Code can no longer be written, nor data executed; a stack that overflows is noticed.
        memory::protect_image(&boot);

        // The hypervisor can notify us: time passes, somebody types.
        let shared = memory::map_shared_info(&boot);
        // SAFETY: the page was just mapped, for good.
        unsafe { events::init(shared) };
        time::init().expect("the hypervisor gives us a timer");
        console::listen();
        // The domain's other vCPUs come up, and wait for jobs.
        vcpus::up_all();

        // Programs can be found, and run.
        report::first_screen(&boot);
        files::init(memory::initrd(&boot));
        process::init();

        shell::main(&boot)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!(
        "this is a guest kernel; build it with: cargo build -p guest-kernel-stub --target x86_64-unknown-none"
    );
}
