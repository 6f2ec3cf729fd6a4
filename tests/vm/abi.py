#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The tracepoints of docs/ABI.md against the built kernel's BTF.

Arguments by their types and order (BTF has no names there), fields of the format
files by names, types and order; nothing more and nothing less on either side.
usage: abi.py ABI.md VMLINUX
"""
import json
import os
import re
import subprocess
import sys

# struct trace_entry, which every event starts with, is described by tracefs as common fields
NOT_FIELDS = ("ent", "__data")


def documented(path):
    """{event: [(type, name)]} of the arguments, and of the fields."""
    text = open(path).read()
    calls = re.findall(r"^(asi_\w+) *\(([^)]*)\)", text, re.M)
    structs = re.findall(r"^(asi_\w+) *\{([^}]*)\}", text, re.M)

    def split(what, separator):
        parts = [part.strip().rpartition(" ") for part in what.split(separator) if part.strip()]
        return [(kind.strip(), name) for kind, _, name in parts]

    return ({name: split(args, ",") for name, args in calls},
            {name: split(fields, ";") for name, fields in structs})


class Kernel:
    def __init__(self, vmlinux):
        # Debian keeps bpftool where a plain user's PATH does not look
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        out = subprocess.run(["bpftool", "-j", "btf", "dump", "file", vmlinux], check=True,
                             stdout=subprocess.PIPE).stdout
        self.types = {t["id"]: t for t in json.loads(out)["types"]}

    def named(self, kind, prefix):
        return {t["name"][len(prefix):]: t for t in self.types.values()
                if t["kind"] == kind and t["name"].startswith(prefix)}

    def name(self, number):
        name = self.types[number]["name"] if number in self.types else "void"
        return {"long unsigned int": "unsigned long"}.get(name, name)

    def arguments(self):
        """{event: [type]}; the first argument is the program's own, and left out."""
        events = {}
        for event, typedef in self.named("TYPEDEF", "btf_trace_asi_").items():
            proto = self.types[self.types[typedef["type_id"]]["type_id"]]
            events["asi_" + event] = [self.name(p["type_id"]) for p in proto["params"][1:]]
        return events

    def fields(self):
        """{event: [(type, name)]}"""
        return {"asi_" + event: [(self.name(m["type_id"]), m["name"]) for m in struct["members"]
                                 if m["name"] not in NOT_FIELDS]
                for event, struct in self.named("STRUCT", "trace_event_raw_asi_").items()}


def differ(what, docs, kernel):
    """Says where the two are not the same."""
    bad = 0
    for event in sorted(docs.keys() | kernel.keys()):
        if docs.get(event) != kernel.get(event):
            print("%s: %s: documented %s, the kernel has %s" %
                  (event, what, docs.get(event), kernel.get(event)))
            bad += 1
    return bad


def main():
    arguments, fields = documented(sys.argv[1])
    kernel = Kernel(sys.argv[2])
    kinds = {event: [kind for kind, _ in args] for event, args in arguments.items()}
    # what BTF does not say of arguments: their names are the fields'
    names = {event: sorted(args) for event, args in arguments.items()}
    bad = differ("arguments", kinds, kernel.arguments())
    bad += differ("fields", fields, kernel.fields())
    bad += differ("names", names, {event: sorted(f) for event, f in kernel.fields().items()})
    for event, args in arguments.items():
        if len(args) > 12:
            print("%s: %d arguments; BPF sees 12" % (event, len(args)))
            bad += 1
    if bad or not arguments:
        sys.exit("abi: docs/ABI.md and the kernel do not agree")
    print("%d tracepoints are as documented" % len(arguments))


main()
