# Xenolith's front door. `make help` lists what there is; the work is done by ci/.
#
#   make run ACCEL=tcg CPUS=2 MEM=512 HV_ARGS="loglvl=debug"
#   make run DOM0=/boot/vmlinuz-pv DOM0_ARGS="console=hvc0" DOM0_INITRD=/boot/initrd.img

# The machine that `run` boots: QEMU's accelerator (kvm only when asked for), CPUs, MiB.
ACCEL ?= tcg
CPUS  ?= 2
MEM   ?= 512
# Domain 0: any PV kernel, its command line and initrd. The default is the reference
# kernel with its own initrd; another kernel gets an initrd only when one is named.
DOM0 ?= $(BUILD)/guest-kernel-stub
DOM0_INITRD ?= $(if $(filter $(BUILD)/guest-kernel-stub,$(DOM0)),$(BUILD)/initrd.cpio)
DOM0_ARGS ?=
# Further options for the hypervisor, and further arguments for QEMU.
HV_ARGS ?=
QEMU_ARGS ?=
# Where `fuzz` begins, and how many calls it makes.
SEED ?= 1
CALLS ?= 10000000
# A part of the names of the tests that `test` runs; all when empty.
TEST ?=

BUILD ?= build
export DOM0_ARGS HV_ARGS TEST
# Where rustup puts cargo, for a shell that was open before.
export PATH := $(PATH):$(HOME)/.cargo/bin
export XENOLITH_BUILD := $(abspath $(BUILD))
CI := cargo run --quiet --package xenolith-ci --

# What was typed into `make run` is for the machine: nothing else may read it.
.NOTPARALLEL:
.PHONY: help build run test image iso lint doc bench fuzz clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile
	@echo "Variables: ACCEL CPUS MEM DOM0 DOM0_ARGS DOM0_INITRD HV_ARGS QEMU_ARGS TEST; see the Makefile's head."

build: ## hypervisor, reference kernel, initrd and test kernels, into build/
	@ci/setup.sh build </dev/null
	@ci/build.sh </dev/null

run: ## boot in QEMU, domain 0's console here (Ctrl-a x quits)
	@ci/setup.sh run </dev/null
	@ci/build.sh </dev/null
	@$(CI) run --accel "$(ACCEL)" --cpus "$(CPUS)" --mem "$(MEM)" \
	    --dom0 "$(DOM0)" --dom0-args "$$DOM0_ARGS" --initrd "$(DOM0_INITRD)" \
	    --hv-args "$$HV_ARGS" -- $(QEMU_ARGS)

test: ## every test: host, ABI comparison, QEMU (TEST=name for some)
	@ci/setup.sh test </dev/null
	@ci/build.sh iso </dev/null
	@ci/test.sh </dev/null

image: ## print the path of the built multiboot image, and nothing else
	@ci/setup.sh build </dev/null
	@ci/build.sh </dev/null >&2
	@echo "$(XENOLITH_BUILD)/xenolith"

iso: ## build/xenolith.iso, boots by GRUB on BIOS and on UEFI
	@ci/setup.sh test </dev/null
	@ci/build.sh iso </dev/null
	@echo "$(XENOLITH_BUILD)/xenolith.iso"

lint: ## rustfmt, clippy and rustdoc, without a warning
	@ci/setup.sh lint </dev/null
	@ci/lint.sh </dev/null

doc: ## rustdoc of every crate, into target/doc
	@ci/setup.sh build </dev/null
	@ci/lint.sh doc </dev/null

bench: ## run the benchmarks (WRITE=1 keeps the table in docs/performance.md)
	@ci/setup.sh run </dev/null
	@ci/build.sh </dev/null
	@$(CI) bench $(if $(WRITE),--write docs/performance.md) </dev/null

fuzz: ## random hypercalls (SEED=1 CALLS=10000000)
	@ci/setup.sh run </dev/null
	@ci/build.sh </dev/null
	@$(CI) fuzz --seed "$(SEED)" --calls "$(CALLS)" </dev/null

clean: ## remove everything that was built
	rm -rf "$(BUILD)"
	cargo clean
