#!/bin/sh
# Makes an initrd for the stub kernel: a cpio archive (form "newc") of its programs and of
# some texts. Needs cargo and the host's Linux target; no cpio.
#
#   guest-kernel-stub/mkinitrd.sh [OUTPUT] [FILE...]
#
# OUTPUT is build/initrd.cpio if not given. Each FILE is put at the archive's root as well.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
output=${1:-$root/build/initrd.cpio}
[ $# -eq 0 ] || shift
target=x86_64-unknown-linux-gnu
directory=${CARGO_TARGET_DIR:-$root/target}/programs

# One file of the archive: NAME MODE SOURCE.
entry() {
    size=$(wc -c <"$3")
    # Magic; inode, mode, user, group, links, time, size, two devices of two numbers, name's size, check.
    printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' \
        "$number" "$2" 0 0 1 0 "$size" 0 0 0 0 $((${#1} + 1)) 0 "$1"
    pad $((110 + ${#1} + 1))
    cat "$3"
    pad "$size"
    number=$((number + 1))
}

# Zeros up to the next multiple of four.
pad() {
    head -c $(((4 - $1 % 4) % 4)) /dev/zero
}

(cd "$root" && RUSTFLAGS="-C target-feature=+crt-static -C strip=symbols" CARGO_TARGET_DIR="$directory" \
    cargo build --quiet --release -p stub-programs --target "$target")

mkdir -p "$(dirname "$output")"
motd=$(mktemp)
trap 'rm -f "$motd" "$output.new"' EXIT
echo 'A stone enclosed in another rock.' >"$motd"

number=1
{
    for program in hello crash spin yield echo; do
        entry "$program" 0100755 "$directory/$target/release/$program"
    done
    entry etc/motd 0100644 "$motd"
    for file in "$@"; do
        mode=0100644
        [ ! -x "$file" ] || mode=0100755
        entry "$(basename "$file")" "$mode" "$file"
    done
    entry 'TRAILER!!!' 0 /dev/null
} >"$output.new"
mv "$output.new" "$output"
