#!/bin/bash
# Runs every test and sums up. `TEST` is a part of the names of those to run.
#
# What needs a booted machine comes last. All groups run also when one fails.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

group() {
    echo "== $1"
    shift
    "$@" 2>&1 | tee -a "$log" || failed=1
}

# Not its example: that is a kernel, which cannot be built for this machine.
group "host: the ABI, and its comparison with Xen's headers" \
    cargo test --no-fail-fast --package pv-guest-abi --all-features --lib --tests -- ${TEST:+"$TEST"}
group "host: the ABI's documentation" \
    cargo test --no-fail-fast --package pv-guest-abi --all-features --doc -- ${TEST:+"$TEST"}
group "host: rules and tools" \
    cargo test --no-fail-fast --package xenolith-rules --package dom0-tools -- ${TEST:+"$TEST"}
group "host: the runner itself" \
    cargo test --no-fail-fast --package xenolith-ci --lib --bins -- ${TEST:+"$TEST"}
group "host: the pure parts of the reference kernel and of the hypervisor's machine" \
    cargo test --no-fail-fast --package guest-kernel-stub --package xenolith-mech --lib \
    -- ${TEST:+"$TEST"}
# Two machines at a time, of up to four CPUs: more only makes each slower.
group "QEMU" \
    cargo test --no-fail-fast --package xenolith-ci --test '*' -- --test-threads=2 ${TEST:+"$TEST"}

awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "\n%d passed, %d failed", passed, failed
           if (skipped) printf ", %d skipped", skipped
           printf "\n" }' "$log"
exit "$failed"
