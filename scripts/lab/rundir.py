# SPDX-License-Identifier: GPL-2.0
"""The directories of the runs, in build/vm: one a run, and only the newest are kept."""

import fcntl
import os
import re
import shutil
import tempfile
import time

from lab.base import REPO, Failure

KEPT_RUNS = 50
RUN_DIR = re.compile(r"[a-z0-9_]+-(\d{8}-\d{6})-\w+")


def make_run_dir(arch):
    """A new directory in build/vm, and a descriptor whose lock says that the run is not over."""
    base = os.path.join(REPO, "build/vm")
    try:
        os.makedirs(base, exist_ok=True)
        prefix = time.strftime(f"{arch}-%Y%m%d-%H%M%S-")
        path = tempfile.mkdtemp(prefix=prefix, dir=base)
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_SH)
        remove_old_runs(base)
        return path, lock
    except OSError as e:
        raise Failure("setup", f"cannot make a directory for the run: {e}") from e


def remove_old_runs(base):
    """All but the newest KEPT_RUNS, and but those that are not over."""
    runs = sorted((name for name in os.listdir(base) if RUN_DIR.fullmatch(name)),
                  key=lambda name: RUN_DIR.fullmatch(name)[1])
    for name in runs[:-KEPT_RUNS]:
        path = os.path.join(base, name)
        try:
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue            # another run was faster, or it is another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
