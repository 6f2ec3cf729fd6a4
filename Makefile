# SPDX-License-Identifier: GPL-2.0
#
# faultline: one Makefile, not recursive. `make help` lists the targets.
# make never installs packages and never calls sudo.

ifneq ($(firstword $(sort 4.0 $(MAKE_VERSION))),4.0)
$(error make $(MAKE_VERSION) is too old, 4.0 is needed)
endif

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# Debian keeps bpftool where a plain user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin

HOST_ARCH := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH := $(HOST_ARCH)
BUILD := build
OUT := $(BUILD)/$(ARCH)

# make ARCH=arm64 builds the tools, statically, for the arm64 lab and its guests.
cross := $(filter-out $(HOST_ARCH),$(ARCH))
SYSROOT := $(if $(cross),$(OUT)/sysroot)
TRIPLET := aarch64-linux-gnu

CC = $(if $(cross),$(TRIPLET)-)gcc
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= bpftool
INSTALL ?= install

PREFIX ?= /usr/local
prefix ?= $(PREFIX)
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man

# Counting takes BPF programs; showing a recording again (-r) does not. Without what they are made
# with, the tools are built for replay only. REPLAY_ONLY=1 chooses that, REPLAY_ONLY=0 insists on all.
LIVE_TOOLS := $(CLANG) $(LLVM_STRIP) $(BPFTOOL) /usr/include/bpf/libbpf.h /usr/include/libelf.h /usr/include/jansson.h
ifndef REPLAY_ONLY
REPLAY_ONLY := $(shell scripts/setup --need $(LIVE_TOOLS) >/dev/null 2>&1 || echo 1)
endif
replay_only := $(if $(cross),,$(filter-out 0,$(REPLAY_ONLY)))

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition \
	-Wshadow -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	$(if $(WERROR),-Werror)
CFLAGS_ALL = -std=gnu11 $(WARNINGS) $(CFLAGS) -D_GNU_SOURCE $(if $(replay_only),-DREPLAY_ONLY) -Iuser/lib -Iuser -Ibpf -I$(OUT)/bpf \
	$(if $(cross),-isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/$(TRIPLET)) -MMD -MP
LDFLAGS_ALL = $(LDFLAGS) -Wl,--as-needed $(if $(cross),-static -L$(SYSROOT)/usr/lib/$(TRIPLET))
LIBS := $(if $(replay_only),,-lbpf -lelf -ljansson) -lz -lncursesw -ltinfo

# The kernel's types come from the programs themselves (preserve_access_index);
# only uapi headers are included, and asm/ of those is a multiarch directory.
BPF_ARCH_x86_64 := x86
BPF_ARCH_arm64 := arm64
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
UAPI := $(if $(cross),/usr/$(TRIPLET)/include,$(if $(MULTIARCH),/usr/include/$(MULTIARCH)))
BPF_CFLAGS := -target bpf -mcpu=v3 -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	-Wno-sign-compare $(if $(WERROR),-Werror) -D__TARGET_ARCH_$(BPF_ARCH_$(ARCH)) -Ibpf \
	$(if $(UAPI),-idirafter $(UAPI)) -MMD -MP

# ---- what there is to build ------------------------------------------------

# One .c in user/ is one tool; what tools share is in user/lib/.
TOOLS := $(patsubst user/%.c,%,$(wildcard user/*.c))
# user/lib/live/ is what needs BPF programs, libbpf or libjansson.
LIB_SOURCES := $(filter-out $(if $(replay_only),user/lib/live/%), \
	$(sort $(shell find user/lib -name '*.c' 2>/dev/null)))
BPF_SOURCES := $(wildcard bpf/*.bpf.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
BPF_TESTS := $(patsubst tests/bpf/%.c,%,$(wildcard tests/bpf/*.c))
# init/, victims-init and l2-init are made by scripts/vm and scripts/l2, which put them into initramfs files.
VM_PROGRAMS := $(filter-out l2-init victims-init,$(patsubst tests/vm/%.c,%,$(wildcard tests/vm/*.c)))
MAN_SOURCES := $(if $(replay_only),,$(wildcard man/*.scd))

TOOL_FILES := $(TOOLS:%=$(OUT)/%)
TOOL_LINKS := $(TOOLS:%=$(BUILD)/%)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(OUT)/obj/%.o)
LIBRARY := $(OUT)/libfaultline.a
SKELETONS := $(BPF_SOURCES:bpf/%.bpf.c=$(OUT)/bpf/%.skel.h)
UNIT_FILES := $(UNIT_TESTS:%=$(OUT)/tests/unit/%)
BPF_TEST_FILES := $(BPF_TESTS:%=$(OUT)/tests/bpf/%)
VM_FILES := $(VM_PROGRAMS:%=$(OUT)/%)
MAN_FILES := $(MAN_SOURCES:man/%.scd=$(BUILD)/man/%)
# What the arm64 lab has of them, and what its bare guest runs.
CROSS_VM_FILES := $(addprefix $(OUT)/,lab-monitor ras-victim bare.bin sea-exit.so)
FLAGS := $(OUT)/flags $(if $(WERROR),$(OUT)/werror)
note-werror = $(if $(WERROR),,@rm -f $(OUT)/werror)

.PHONY: all
all: $(if $(cross),$(TOOL_FILES) $(CROSS_VM_FILES),$(TOOL_LINKS) $(MAN_FILES) $(if $(replay_only),replay-only,$(VM_FILES))) ##@ 30 s @ the tools, in build/, and the programs for the lab

.PHONY: replay-only
replay-only: $(TOOL_LINKS)
	@echo "built for replay only: no man pages, no programs for the lab"
	@scripts/setup --need $(LIVE_TOOLS) || true

.PHONY: tests
tests: $(UNIT_FILES) $(BPF_TEST_FILES) ##@ 30 s @ the test programs, in build/ARCH/tests/

# ---- BPF ----------------------------------------------------------------------

NATIVE_TOOLS := $(CC) /usr/include/zlib.h /usr/include/ncurses.h $(if $(replay_only),,$(LIVE_TOOLS))

# Headers and libraries of Debian's arm64 packages.
$(OUT)/sysroot.stamp: scripts/lab/sysroot.py
	@scripts/sysroot
	@touch $@

$(OUT)/bpf/%.bpf.o: bpf/%.bpf.c Makefile $(FLAGS)
	@scripts/setup --need $(LIVE_TOOLS)
	@mkdir -p $(@D)
	$(note-werror)
	$(call do,BPF)$(CLANG) $(BPF_CFLAGS) -MT $@ -MF $(@:.o=.d) -c $< -o $@
	$(quiet)$(LLVM_STRIP) -g $@

$(OUT)/bpf/%.skel.h: $(OUT)/bpf/%.bpf.o
	$(call do,SKEL)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*) >$@

# ---- user space ----------------------------------------------------------------

# Skeletons first: before the first build no .d file says who includes them.
$(OUT)/obj/%.o: %.c Makefile $(FLAGS) | $(if $(replay_only),,$(SKELETONS)) $(if $(cross),$(OUT)/sysroot.stamp)
	@scripts/setup --need $(NATIVE_TOOLS)
	@mkdir -p $(@D)
	$(note-werror)
	$(call do,CC)$(CC) $(CFLAGS_ALL) $(CPPFLAGS) -c $< -o $@

# It holds the file (.incbin), which no .d file says.
$(OUT)/obj/user/lib/faulttop/schema.o: docs/asi-faulttop.schema.json

# Anew each time: ar would keep the members of sources that are gone.
$(LIBRARY): $(LIB_OBJECTS) $(OUT)/lib-sources
	@rm -f $@
	$(call do,AR)ar rcs $@ $(LIB_OBJECTS)

$(TOOL_FILES): $(OUT)/%: $(OUT)/obj/user/%.o $(LIBRARY)
	$(call do,LD)$(CC) $(CFLAGS) $^ $(LDFLAGS_ALL) $(LIBS) -o $@

$(TOOL_LINKS): $(BUILD)/%: $(OUT)/%
	@ln -sfn $(ARCH)/$* $@

$(UNIT_FILES) $(BPF_TEST_FILES): $(OUT)/tests/%: $(OUT)/obj/tests/%.o $(LIBRARY)
	@scripts/setup --need /usr/include/cmocka.h
	@mkdir -p $(@D)
	$(call do,LD)$(CC) $(CFLAGS) $^ $(LDFLAGS_ALL) -lcmocka $(LIBS) -o $@

# The lab's own programs run where there is no library.
$(VM_FILES): $(OUT)/%: tests/vm/%.c Makefile $(FLAGS)
	@scripts/setup --need $(CC)
	@mkdir -p $(@D)
	$(note-werror)
	$(call do,STATIC)$(CC) -std=gnu11 -static -O2 -Wall -Wextra $(if $(WERROR),-Werror) -MMD -MP $< -o $@

# For a CPU that has just been reset: scripts/l2-arm64 start --guest bare.
$(OUT)/bare.bin: tests/vm/bare/bare.c tests/vm/bare/bare.lds Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(call do,BARE)$(CC) -O2 -Wall -Wextra -Werror -ffreestanding -fno-pic -no-pie -nostdlib -static \
		-mgeneral-regs-only -mstrict-align -fno-stack-protector -Wl,-T,$(word 2,$^),--build-id=none $< -o $@.elf
	$(quiet)$(TRIPLET)-objcopy -O binary $@.elf $@

$(OUT)/sea-exit.so: tests/vm/bare/sea-exit.c Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(call do,SHARED)$(CC) -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -shared $< -o $@

# How things are compiled, rewritten only when it changes. -Werror is left out: it does not change
# what comes out, and make, then make WERROR=1, then make is not to compile everything three times.
compilation = $(filter-out -Werror,$(CC) $(CFLAGS_ALL) $(CPPFLAGS) $(LDFLAGS_ALL) $(CLANG) $(BPF_CFLAGS))
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(compilation))' | cmp -s - $@ || echo '$(subst ','\'',$(compilation))' >$@

# Is there while everything was compiled with -Werror; gone, WERROR=1 compiles everything anew.
$(OUT)/werror: FORCE
	@mkdir -p $(@D)
	@test -e $@ || touch $@

# The list of sources, rewritten only when it changes.
$(OUT)/lib-sources: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_SOURCES)' | cmp -s - $@ || echo '$(LIB_SOURCES)' >$@

$(BUILD)/man/%: man/%.scd
	@scripts/setup --need scdoc
	@mkdir -p $(@D)
	$(call do,MAN)scdoc <$< >$@

.PHONY: FORCE
FORCE:

# make V=1 shows the commands.
ifeq ($(V),1)
do =
quiet =
else
do = @printf '  %-7s %s\n' $(1) $@;
quiet = @
endif

.SECONDARY:
# build/arm64/root is the root of the arm64 lab, with directories like init.d.
-include $(shell find $(OUT) \( -path $(OUT)/root -o -path $(OUT)/sysroot \) -prune -o -name '*.d' -print 2>/dev/null)

# ---- the lab -------------------------------------------------------------------

.PHONY: kernel
kernel: ##@ 15 min cold, 7 warm @ the patched kernel, in build/kernel/x86_64/
	@scripts/kernel

.PHONY: qemu
qemu: ##@ 12 min cold, 30 s warm @ the patched QEMU: emulates the lab; runs guests in arm64's
	@scripts/qemu

.PHONY: demo
demo: all ##@ 25 min cold, 60 s warm @ boot it, run a KVM guest in it, show its faults live
	@scripts/demo

.PHONY: demo-ras
demo-ras: ##@ 10 min cold, 60 s warm @ a memory error's way through an arm64 host, QEMU and a guest
	@scripts/demo-ras

.PHONY: shell
shell: $(if $(filter x86_64,$(ARCH)),all) ##@ 5 s @ a shell in the lab, isolation on (needs the kernel); ARCH=arm64
	@scripts/vm $(ARCH) --interactive $(if $(filter x86_64,$(ARCH)),--append kvm.address_space_isolation=1) -- bash

.PHONY: kernel-config
kernel-config: ##@ 10 s @ KCONFIG=FILE: a distribution's kernel configuration with isolation in it
	@scripts/kernel-config $(KCONFIG)

# ---- tests ---------------------------------------------------------------------

.PHONY: check check-fast check-full check-list
check: ##@ 50 min cold, 30 warm @ the tests, as CI runs them; T=NAME runs one
	@tests/run $(T)

check-fast: ##@ 90 s @ the tests without kernel and VM
	@tests/run -t fast

check-full: ##@ hours @ every test; resumes, and repeats none that passed on this tree
	@tests/run -t full -k $(T)

check-list: ##@ 0 s @ names, tiers and needs of the tests and what each shows
	@tests/run -l

.PHONY: bench-asi
bench-asi: all ##@ 7 min @ why VM exits leave the address space: SVM and VMX, page table isolation, guest memory (needs the kernel)
	@tests/vm/asi-matrix.sh

.PHONY: bench-asi-insns
bench-asi-insns: all ##@ 5 min @ instructions for a VM exit: without the series, isolation off, on (needs scripts/kernel --config stock)
	@tests/vm/asi-insns.sh

.PHONY: check-kvm-selftests
check-kvm-selftests: ##@ 5 min @ twelve of KVM's own selftests, isolation off and on, side by side (needs the kernel)
	@tests/vm/kvm-selftests.sh

.PHONY: patches-check
patches-check: ##@ 1 min cold, 10 s warm @ the patch queues: headers, zero fuzz, checkpatch
	@scripts/patches kernel check
	@scripts/qemu --fetch
	@scripts/patches qemu check

# ---- the rest -------------------------------------------------------------------

.PHONY: install uninstall
install: all ##@ 1 s @ into $(DESTDIR)$(prefix): tools and man pages
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(mandir)/man8
	$(if $(TOOL_FILES),$(INSTALL) -m 755 $(TOOL_FILES) $(DESTDIR)$(sbindir))
	$(if $(MAN_FILES),$(INSTALL) -m 644 $(MAN_FILES) $(DESTDIR)$(mandir)/man8)

uninstall: ##@ 1 s @ remove what install put there
	rm -f $(TOOLS:%=$(DESTDIR)$(sbindir)/%) $(MAN_FILES:$(BUILD)/man/%=$(DESTDIR)$(mandir)/man8/%)

.PHONY: clean
clean: ##@ 1 s @ remove what was built; the kernel in build/kernel stays
	rm -rf $(OUT) $(BUILD)/man $(BUILD)/check $(BUILD)/vm $(BUILD)/fuzz $(TOOL_LINKS)

.PHONY: help
help: ##@ 0 s @ this list
	@printf '%-19s %-24s %s\n' TARGET 'TIME, 2 CORES' DOES
	@awk -F ' *@ *' '/^[a-z-]+:.*##@/ { split($$1, t, ":"); printf "%-19s %-24s %s\n", t[1], $$2, $$3 }' \
		$(firstword $(MAKEFILE_LIST))
