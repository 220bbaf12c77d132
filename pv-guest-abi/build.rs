//! Link arguments for the example kernel: fixed addresses in the top 2 GiB, no script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // On a host target the example is only checked, never linked: see `required-features`.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    for arg in ["--no-pie", "--image-base=0xffffffff80100000", "--entry=0"] {
        println!("cargo::rustc-link-arg-examples={arg}");
    }
}
