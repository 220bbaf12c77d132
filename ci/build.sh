#!/bin/bash
# Builds what is booted, into the build folder. Usage: ci/build.sh [iso]
#
#   xenolith            the multiboot image, its symbol table filled in
#   guest-kernel-stub   the reference kernel
#   initrd.cpio         its initrd
#   smallest            the whole kernel of pv-guest-abi's guide
#   probes              test kernel of one question each: its command line names it
#   xenolith.iso        when asked for
set -euo pipefail
cd "$(dirname "$0")/.."
build=${XENOLITH_BUILD:-$PWD/build}
out=${CARGO_TARGET_DIR:-target}/x86_64-unknown-none/release
mkdir -p "$build"

# One crate at a time: together, the guests' features would leak into the hypervisor.
for package in xenolith guest-kernel-stub probes; do
    ci/bare-cargo build --quiet --release --package "$package"
done
ci/bare-cargo build --quiet --release --package pv-guest-abi --features guest --example smallest
cargo run --quiet --package xenolith-ci -- image "$out/xenolith" "$build/xenolith"

# Copied only when changed, and moved into place: a running test keeps its own.
put() {
    cmp -s "$1" "$2" || { cp "$1" "$2.new" && mv "$2.new" "$2"; }
}
put "$out/guest-kernel-stub" "$build/guest-kernel-stub"
put "$out/examples/smallest" "$build/smallest"
put "$out/probes" "$build/probes"
guest-kernel-stub/mkinitrd.sh "$build/initrd.cpio"

if [ "${1:-}" = iso ]; then
    ci/mkiso.sh "$build"
fi
