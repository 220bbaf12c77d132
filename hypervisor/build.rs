//! Links the bare-metal image with this crate's own linker script.
//!
//! Addresses come from `mech/src/layout.rs` alone: the script and the entry code get them
//! as symbols. Lint and doc builds for the developer's own machine get no linker arguments.

use std::env;

#[allow(dead_code)]
#[path = "mech/src/layout.rs"]
mod layout;

/// Top of a private stack, in the order that `layout::PRIVATE_IST` gives.
const fn private_ist_top(index: u64) -> u64 {
    layout::PRIVATE_IST + index * layout::PRIVATE_IST_STRIDE + layout::PRIVATE_IST_SIZE
}

fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=mech/src/layout.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let mut args: Vec<String> = [
        // The code is position independent, but runs at one address: every
        // relocation is resolved here, none is left for boot code to apply.
        "--no-pie",
        "-zmax-page-size=4096",
        // Segments at whole pages of the file: a multiboot loader copies the
        // file as one piece, so file offsets must be linear in load addresses.
        "-znoseparate-code",
        "--build-id=none",
        "--orphan-handling=error",
    ]
    .map(String::from)
    .into();
    for (symbol, address) in [
        ("IMAGE_LOAD", layout::IMAGE_LOAD),
        ("IMAGE", layout::IMAGE),
        ("ENTRY_TEXT", layout::ENTRY_TEXT),
        // What entry code reaches relative to itself (mech/src/entry/entry.s).
        ("xl_entry_info", layout::ENTRY_INFO),
        // SYSCALL gives no stack: its one word of room is the far end of the entry stack.
        ("xl_entry_scratch", layout::ENTRY_STACK),
        ("xl_entry_stack_top", layout::ENTRY_STACK + 4096),
        ("xl_percpu_run_rsp", layout::PRIVATE_DATA),
        ("xl_private_nmi_top", private_ist_top(0)),
        ("xl_private_df_top", private_ist_top(1)),
        ("xl_private_mc_top", private_ist_top(2)),
        ("xl_private_db_top", private_ist_top(3)),
    ] {
        args.push(format!("--defsym={symbol}={address:#x}"));
    }
    args.push(format!("-T{here}/link.ld"));
    for arg in args {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
}
