//! Where `make build` leaves what is booted.
//!
//! A missing image is an error that names the remedy; nothing is skipped over it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The build folder: `$XENOLITH_BUILD`, or `build/` in the source tree.
pub fn build_dir() -> PathBuf {
    match std::env::var_os("XENOLITH_BUILD") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("ci/ lies in the source tree")
            .join("build"),
    }
}

/// The multiboot image of the hypervisor.
pub fn image() -> Result<PathBuf> {
    built("xenolith")
}

/// The reference kernel.
pub fn stub() -> Result<PathBuf> {
    built("guest-kernel-stub")
}

/// The smallest kernel, of the ABI crate's guide.
pub fn smallest() -> Result<PathBuf> {
    built("smallest")
}

/// The reference kernel's initrd.
pub fn initrd() -> Result<PathBuf> {
    built("initrd.cpio")
}

/// The bootable CD image.
pub fn iso() -> Result<PathBuf> {
    built("xenolith.iso")
}

/// The kernel of all probes: its command line names the one that runs.
pub fn probes() -> Result<PathBuf> {
    built("probes")
}

/// A file below the build folder, which must be there.
pub fn built(name: &str) -> Result<PathBuf> {
    let path = build_dir().join(name);
    if !path.exists() {
        let how = if name.ends_with(".iso") {
            "make iso"
        } else {
            "make build"
        };
        bail!("{} is not there: run `{how}` first", path.display());
    }
    Ok(path)
}
