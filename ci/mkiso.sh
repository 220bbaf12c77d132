#!/bin/bash
# Makes a CD image that boots by BIOS and by UEFI. Usage: ci/mkiso.sh BUILD-FOLDER
#
# GRUB loads the hypervisor by multiboot2; domain 0's kernel and initrd are its modules.
# Menu and machine talk over the first serial port and the screen.
set -euo pipefail
build=${1:?usage: ci/mkiso.sh BUILD-FOLDER}
hv_args=${HV_ARGS:-}
dom0_args=${DOM0_ARGS:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree/boot/grub"
cp "$build/xenolith" "$build/guest-kernel-stub" "$build/initrd.cpio" "$tree/boot/"
cat > "$tree/boot/grub/grub.cfg" <<CFG
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=1
set default=0
menuentry "Xenolith" {
    multiboot2 /boot/xenolith com1=115200,8n1 console=com1 $hv_args
    module2 /boot/guest-kernel-stub $dom0_args
    module2 /boot/initrd.cpio
}
CFG
# Fewer modules than all of GRUB: a smaller image.
modules="multiboot2 normal serial terminal part_msdos part_gpt iso9660 configfile echo reboot halt"
grub-mkrescue -o "$build/xenolith.iso.new" --fonts= --locales= --themes= \
    --install-modules="$modules" "$tree" >"$work/log" 2>&1 \
    || { cat "$work/log" >&2; exit 1; }
mv "$build/xenolith.iso.new" "$build/xenolith.iso"
