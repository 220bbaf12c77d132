//! Links the bare-metal image with this crate's own linker script.
//!
//! Lint and doc builds for the developer's own machine get no linker arguments.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    for arg in [
        // The code is position independent, but runs at one address: every
        // relocation is resolved here, none is left for boot code to apply.
        "--no-pie",
        "-zmax-page-size=4096",
        // Segments at whole pages of the file: a multiboot loader copies the
        // file as one piece, so file offsets must be linear in load addresses.
        "-znoseparate-code",
        "--build-id=none",
        "--orphan-handling=error",
    ] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
    println!("cargo:rustc-link-arg-bins=-T{here}/link.ld");
}
