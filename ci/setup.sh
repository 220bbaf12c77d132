#!/bin/bash
# Installs what the front door needs and the machine lacks. Usage: ci/setup.sh build|run|lint|test
#
# Each need is looked for by the file or command itself, so this takes a blink when
# nothing is missing, and does not mind by which package or by hand it came.
# Installing needs Debian 12 (or a near relative) and root; anywhere else this says
# what is missing and stops. All it says goes to standard error.
set -euo pipefail
exec >&2

level=${1:?usage: ci/setup.sh build|run|lint|test}
here=$(cd "$(dirname "$0")/.." && pwd)
target=x86_64-unknown-none
packages=()
notes=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf 'setup: %s\n' "$*"; }
die() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# need PACKAGE WHY: PACKAGE is missing.
need() { packages+=("$1"); notes+=("  $1: $2"); }

build_needs() {
    has cc || need gcc "links programs for this machine"
    [ -e /usr/include/stdio.h ] || need libc6-dev "C library for programs of this machine"
    has setpriv || need util-linux "ties QEMU's life to its runner's"
}

run_needs() {
    has qemu-system-x86_64 || need qemu-system-x86 "the machine that is booted"
}

iso_needs() {
    has grub-mkrescue || need grub-common "makes the CD image"
    [ -d /usr/lib/grub/i386-pc ] || need grub-pc-bin "boots the CD by BIOS"
    [ -d /usr/lib/grub/x86_64-efi ] || need grub-efi-amd64-bin "boots the CD by UEFI"
    has xorriso || need xorriso "writes the CD image"
    has mformat || need mtools "makes the CD's UEFI boot image"
}

test_needs() {
    iso_needs
    [ -e /usr/include/xen/xen.h ] || need libxen-dev "the C headers that pv-guest-abi is compared with"
    [ -e /usr/share/OVMF/OVMF_CODE.fd ] || [ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] \
        || need ovmf "UEFI firmware for QEMU"
}

install_packages() {
    [ ${#packages[@]} -gt 0 ] || return 0
    say "missing on this machine:"
    printf '%s\n' "${notes[@]}"
    has apt-get || die "this is no Debian: install the like of these packages by hand, then try again"
    [ "$(id -u)" = 0 ] || die "not root: run  apt-get install --no-install-recommends ${packages[*]}  as root, then try again"
    say "installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local apt=(apt-get -q -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
    # With fresh lists: old ones name files that are gone, or too old a compiler.
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${packages[@]}"; } \
        </dev/null >"$log" 2>&1 \
        || { cat "$log"; die "apt-get could not install ${packages[*]}: see its messages above"; }
    packages=() notes=()
}

# Rust for the bare target: rustup's, or else Debian's with its library's source.
bare_rust() {
    case $("$here/ci/bare-cargo" --which) in
    target | source) return ;;
    esac
    if has rustup; then
        say "rustup target add $target"
        if rustup target add "$target" && [ "$("$here/ci/bare-cargo" --which)" = target ]; then
            return
        fi
        say "rustup has no $target to give: falling back to Debian's Rust"
    fi
    need rustc-web "the compiler, at a version that has the library's source beside it"
    need cargo-web "its package manager"
    need rust-web-src "the library's source, to build it for the bare target"
    [ -x /usr/bin/ld.lld ] || need lld "links for the bare target"
    install_packages
    [ "$("$here/ci/bare-cargo" --which)" != none ] \
        || die "no Rust for $target: run  rustup target add $target"
}

lint_needs() {
    if has rustup; then
        cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
        cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    fi
    cargo fmt --version >/dev/null 2>&1 || die "cargo fmt is missing: run  rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || die "cargo clippy is missing: run  rustup component add clippy"
}

has cargo || die "no cargo: install Rust by rustup (https://rustup.rs), open a new shell, then try again"

build_needs
case $level in
build) ;;
lint) ;;
run) run_needs ;;
test) run_needs; test_needs ;;
*) die "no such level: $level" ;;
esac
install_packages
bare_rust
[ "$level" != lint ] || lint_needs
