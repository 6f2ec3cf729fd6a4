#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""What docs/ABI.md promises is what the built kernel has: tracepoints, formats, numbers.

Compared, without booting anything: the arguments in docs/ABI.md with those of the kernel's tracepoints (its
BTF), the fields there and the formats in tests/abi/golden with the records' layout (BTF again), the
tables of causes and owners with the kernel's enums, and what the BPF programs and bpf/abi.h say with the
document. tests/vm/asi-abi.sh compares the same formats with those of a booted kernel.

Each check is then run once more on a planted fault, and has to find it.
"""

import json
import os
import re
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
VMLINUX = os.path.join(REPO, "build/kernel/x86_64/vmlinux")
GOLDEN = "tests/abi/golden"
CLASSES = {"asi_map": "asi_range", "asi_unmap": "asi_range"}    # events that share a record
MAX_ARGS = 12           # what a raw tracepoint hands to a BPF program

# C type: name of the integer type in BTF, size, signed
SCALARS = {
    "u32": ("unsigned int", 4, False),
    "s32": ("int", 4, True),
    "int": ("int", 4, True),
    "u64": ("long long unsigned int", 8, False),
    "s64": ("long long int", 8, True),
    "unsigned long": ("long unsigned int", 8, False),
}


def die(text):
    sys.exit("abi: " + text)


def read(path):
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return f.read()


class Btf:
    """The kernel's types, as bpftool prints them."""

    def __init__(self, vmlinux):
        if not os.access(vmlinux, os.R_OK):
            die(f"no kernel at {vmlinux}: build one with `make kernel`")
        env = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        try:
            out = subprocess.run(["bpftool", "-j", "btf", "dump", "file", vmlinux], env=env,
                                 check=True, stdout=subprocess.PIPE).stdout
        except (OSError, subprocess.CalledProcessError) as e:
            die(f"cannot read the types of {vmlinux}: {e}")
        types = json.loads(out)["types"]
        self.by_id = {t["id"]: t for t in types}
        self.by_name = {}
        for t in types:
            self.by_name.setdefault((t["kind"], t["name"]), t)

    def get(self, kind, name):
        return self.by_name.get((kind, name))

    def names(self, kind, prefix):
        return {name[len(prefix):] for k, name in self.by_name if k == kind and name.startswith(prefix)}

    def resolve(self, type_id):
        """The type behind typedefs and const; None is void."""
        t = self.by_id.get(type_id)
        while t and t["kind"] in ("TYPEDEF", "CONST", "VOLATILE"):
            t = self.by_id.get(t["type_id"])
        return t

    def scalar(self, type_id):
        """(name, size, signed) of an integer, or what it is instead."""
        t = self.resolve(type_id)
        if not t or t["kind"] != "INT":
            return t["kind"] if t else "void"
        return t["name"], t["size"], t["encoding"] == "SIGNED"


class Texts:
    """What is compared with the kernel; a planted fault replaces a part."""

    def __init__(self, **replaced):
        self.doc = read("docs/ABI.md")
        self.abi = read("bpf/abi.h")
        self.formats = {name[:-len(".format")]: read(os.path.join(GOLDEN, name))
                        for name in os.listdir(os.path.join(REPO, GOLDEN)) if name.endswith(".format")}
        self.programs = {name: read(os.path.join("bpf", name))
                         for name in os.listdir(os.path.join(REPO, "bpf")) if name.endswith(".bpf.c")}
        vars(self).update(replaced)

    def in_code(self, pattern, separator):
        """{event: [(type, name), ...]} of what the pattern finds in the section's C blocks."""
        section = re.search(r"^## Tracepoints.*?(?=^## )", self.doc, re.M | re.S)
        blocks = re.findall(r"^```c\n(.*?)^```", section[0], re.M | re.S) if section else []
        if not blocks:
            die("docs/ABI.md: no C block in the section Tracepoints")
        code = re.sub(r"/\*.*?\*/", "", "\n".join(blocks), flags=re.S)
        return {name: [re.fullmatch(r"(.+?)\s*(\w+)", " ".join(part.split())).groups()
                       for part in parts.split(separator) if part.strip()]
                for name, parts in re.findall(pattern, code)}

    def prototypes(self):
        return self.in_code(r"(\w+)\s*\(([^)]*)\)", ",")

    def records(self):
        return self.in_code(r"(\w+)\s*\{([^}]*)\}", ";")

    def causes(self):
        """{number: name} of the document's table."""
        table = re.search(r"^\| `cause` \|.*?(?=^$)", self.doc, re.M | re.S)
        return {int(n): name for n, name in re.findall(r"^\| (\d+) \| `(\w+)`", table[0], re.M)} \
            if table else {}

    def owners(self):
        """The names after "Owners:", in the order of the document."""
        listed = re.search(r"Owners:((?:\s*`\w+`,?)+)", self.doc)
        return re.findall(r"`(\w+)`", listed[1]) if listed else []


def format_fields(text):
    """[(type, name, offset, size, signed)] of a format file, without the common fields."""
    fields = re.findall(r"field:([^;]+?)\s*(\w+);\s*offset:(\d+);\s*size:(\d+);\s*signed:(\d);", text)
    return [(t, name, int(offset), int(size), signed == "1") for t, name, offset, size, signed in fields
            if not name.startswith("common_")]


def check_events(btf, texts):
    kernel = btf.names("TYPEDEF", "btf_trace_asi_")
    for what, names in (("docs/ABI.md, arguments", set(texts.prototypes())),
                        ("docs/ABI.md, fields", set(texts.records())),
                        (GOLDEN, set(texts.formats))):
        for name in sorted(names ^ {"asi_" + n for n in kernel}):
            yield f"{what}: {name} is " + ("not there, the kernel has it" if name not in names
                                           else "not in the kernel")


def check_prototypes(btf, texts):
    for event, args in texts.prototypes().items():
        typedef, func = btf.get("TYPEDEF", "btf_trace_" + event), btf.get("FUNC", "__traceiter_" + event)
        if not typedef or not func:
            yield f"{event}: the kernel has no such tracepoint"
            continue
        # A pointer to a function; the first argument of both is not the event's.
        raw = btf.resolve(btf.by_id[typedef["type_id"]]["type_id"])["params"][1:]
        named = btf.resolve(func["type_id"])["params"][1:]
        if len(args) > MAX_ARGS:
            yield f"{event}: {len(args)} arguments, of {MAX_ARGS} that a raw tracepoint can have"
        if [p["name"] for p in named] != [name for _, name in args]:
            yield (f"{event}: docs/ABI.md has the arguments {', '.join(n for _, n in args)};"
                   f" the kernel {', '.join(p['name'] for p in named)}")
        for which in (raw, named):
            have = [btf.scalar(p["type_id"]) for p in which]
            want = [SCALARS.get(t, t) for t, _ in args]
            if have != want:
                yield f"{event}: docs/ABI.md has the types {want}, the kernel {have}"


def check_formats(btf, texts):
    protos, records = texts.prototypes(), texts.records()
    for event, text in texts.formats.items():
        struct = btf.get("STRUCT", "trace_event_raw_" + CLASSES.get(event, event))
        if not struct:
            yield f"{event}: the kernel has no such event"
            continue
        fields = format_fields(text)
        golden = [(name, offset, size, signed) for _, name, offset, size, signed in fields]
        members = [m for m in struct["members"] if m["name"] not in ("ent", "__data")]
        kernel = [(m["name"], m["bits_offset"] // 8) + tuple(btf.scalar(m["type_id"])[1:])
                  for m in members]
        if golden != kernel:
            yield f"{event}: the golden format has the fields {golden}, the kernel {kernel}"
        if [(t, name) for t, name, *_ in fields] != records.get(event):
            yield f"{event}: docs/ABI.md has the fields {records.get(event)}, the golden format {fields}"
        if {(t, name) for t, name, *_ in fields} != set(protos.get(event, [])):
            yield f"{event}: the golden format's fields are not the arguments in docs/ABI.md"


def check_enums(btf, texts):
    for enum, prefix, last, have in (
            ("asi_cause", "ASI_CAUSE_", "ASI_NR_CAUSES", texts.causes()),
            ("asi_owner", "ASI_OWNER_", "ASI_NR_OWNERS", dict(enumerate(texts.owners())))):
        kernel = {v["val"]: v["name"][len(prefix):].lower() for v in btf.get("ENUM", enum)["values"]
                  if v["name"] != last}
        if kernel != have:
            yield f"enum {enum}: docs/ABI.md has {have}, the kernel {kernel}"


def check_numbers(btf, texts):
    """bpf/abi.h against the document."""
    del btf
    for pattern, define in (
            (r"^Version (\d+)", "FL_ABI_VERSION"),
            (r"`(0x\w+)`: no VM exit yet", "FL_EXIT_NONE"),
            (r"(\d+) VMX, \d+ SVM", "FL_ISA_VMX"),
            (r"\d+ VMX, (\d+) SVM", "FL_ISA_SVM")):
        doc = re.search(pattern, texts.doc, re.M)
        header = re.search(rf"^#define {define} (\w+)", texts.abi, re.M)
        if not doc or not header:
            yield f"{define}: not in bpf/abi.h, or what it stands for is not in docs/ABI.md"
        elif int(doc[1], 0) != int(header[1].rstrip("U"), 0):
            yield f"{define}: {header[1]} in bpf/abi.h, {doc[1]} in docs/ABI.md"


def check_programs(btf, texts):
    """A raw program takes its arguments by number; the list before it says which those are."""
    del btf
    protos = texts.prototypes()
    for file, text in texts.programs.items():
        for listed, event in re.findall(r"(?:/\* TP_PROTO: ([^(*]+?)\s*\(docs/ABI\.md\) \*/\n)?"
                                        r"SEC\(\"raw_tp/(asi_\w+)\"\)", text):
            want = ", ".join(name for _, name in protos.get(event, []))
            if " ".join(listed.split()) != want:
                yield f"bpf/{file}: raw_tp/{event}: the comment before it is not `TP_PROTO: {want}`"


CHECKS = [check_events, check_prototypes, check_formats, check_enums, check_numbers, check_programs]


def planted(texts):
    """(what, which check has to find it, the texts with the fault)"""
    def doc(old, new):
        if old not in texts.doc:
            die(f"docs/ABI.md: no `{old}` to plant a fault in")
        return Texts(doc=texts.doc.replace(old, new, 1))

    fault = texts.formats["asi_fault"]
    formats = dict(texts.formats)
    del formats["asi_enter"]
    return [
        ("an event without a golden", check_events, Texts(formats=formats)),
        ("an event that the kernel lacks", check_events, doc("asi_enter(", "asi_entry(")),
        ("two arguments swapped", check_prototypes, doc("u32 pid, u32 vm,", "u32 vm, u32 pid,")),
        ("an argument of another size", check_prototypes, doc("unsigned long address", "u32 address")),
        ("an argument of another type and the same size", check_prototypes,
         doc("unsigned long address", "u64 address")),
        ("two fields swapped", check_formats, doc("u32 cause; u32 isa;", "u32 isa; u32 cause;")),
        ("a field at another offset", check_formats,
         Texts(formats=dict(texts.formats, asi_fault=fault.replace("offset:24;", "offset:20;")))),
        ("a field of another type", check_formats,
         Texts(formats=dict(texts.formats, asi_fault=fault.replace("u32 isa", "int isa")))),
        ("a cause renumbered", check_enums, doc("| 0 | `fault`", "| 9 | `fault`")),
        ("an owner left out", check_enums, doc("`vmemmap`", "")),
        ("another number for SVM", check_numbers, doc("2 SVM", "3 SVM")),
        ("a program that counts its arguments wrong", check_programs,
         Texts(programs={"x.bpf.c": '/* TP_PROTO: vm, pid (docs/ABI.md) */\nSEC("raw_tp/asi_fault")'})),
        ("a program that does not say", check_programs,
         Texts(programs={"x.bpf.c": 'SEC("raw_tp/asi_enter")'})),
    ]


def main():
    btf, texts = Btf(VMLINUX), Texts()
    findings = [finding for check in CHECKS for finding in check(btf, texts)]
    for finding in findings:
        print("abi: " + finding, file=sys.stderr)
    missed = [what for what, check, bad in planted(texts) if not list(check(btf, bad))]
    for what in missed:
        print(f"abi: the test does not find {what}", file=sys.stderr)
    if findings or missed:
        return 1
    print(f"abi: {len(texts.prototypes())} events, {len(CHECKS)} checks, {len(planted(texts))} planted faults found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
