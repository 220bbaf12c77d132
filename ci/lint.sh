#!/bin/bash
# Lints everything. Usage: ci/lint.sh [doc]   (doc: only rustdoc)
set -euo pipefail
cd "$(dirname "$0")/.."

# What runs on this machine, and what runs on none.
host=(--package pv-guest-abi --package xenolith-rules --package dom0-tools --package xenolith-ci
    --package stub-programs)
bare=(--package xenolith-mech --package xenolith --package guest-kernel-stub --package probes)

if [ "${1:-}" != doc ]; then
    cargo fmt --all --check
    cargo clippy --quiet --all-targets "${host[@]}" -- -D warnings
    if [ "$(ci/bare-cargo --which)" = target ]; then
        for package in xenolith-mech xenolith guest-kernel-stub probes; do
            ci/bare-cargo clippy --quiet --package $package -- -D warnings
        done
    else
        echo "lint: Debian's Rust has no clippy: the bare crates are only built" >&2
        RUSTFLAGS="-D warnings -C force-frame-pointers=yes" ci/bare-cargo check --quiet "${bare[@]}"
    fi
fi
export RUSTDOCFLAGS="-D warnings"
cargo doc --quiet --no-deps "${host[@]}"
ci/bare-cargo doc --quiet --no-deps "${bare[@]}"
if [ "${1:-}" = doc ]; then
    echo "$PWD/${CARGO_TARGET_DIR:-target}/doc/pv_guest_abi/index.html"
else
    echo "lint: nothing to complain of"
fi
