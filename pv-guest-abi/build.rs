//! Link arguments for the example kernel: fixed addresses in the top 2 GiB, no linker script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let bare = std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none");
    let arguments: &[&str] = if bare {
        // An entry of 0 only silences the linker: the kernel's entry is told by an ELF note.
        &["--no-pie", "--image-base=0xffffffff80100000", "--entry=0"]
    } else {
        // For a development machine it is linked to be checked, never to be run.
        &["-nostartfiles", "-Wl,-z,notext"]
    };
    for argument in arguments {
        println!("cargo::rustc-link-arg-examples={argument}");
    }
}
