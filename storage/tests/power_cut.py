#!/usr/bin/env python3
"""Cuts the power under a writing store, again and again, and checks what was acknowledged.

A file system on a loop device is shut down with EXT4_IOC_SHUTDOWN and no flush of its journal: what
was only in memory is gone, as after a power cut. Needs root and a loop device.

    power_cut.py WRITER CUTS SEED

Ends with 0 when every cut lost nothing, 1 when one did, 77 when this machine cannot do it.
"""
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import tempfile
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSHING_THE_JOURNAL = 2


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def cannot(why):
    print(f"skipped: {why}")
    sys.exit(77)


def mount(image, folder):
    done = run("mount", "-o", "loop", image, folder)
    if done.returncode != 0:
        cannot(f"cannot mount a loop device: {done.stderr.strip()}")


def unmount(image, folder):
    """Unmounts and waits until the kernel has let go of the image: as long as anyone holds the old
    mount, the next one would get the same file system back, still shut down."""
    deadline = time.monotonic() + 20
    while True:
        if os.path.ismount(folder):
            run("umount", folder)
        elif not run("losetup", "-j", image).stdout.strip():
            return
        if time.monotonic() > deadline:
            sys.exit(f"cannot unmount {folder}, or something else holds it")
        time.sleep(0.05)


def in_a_mount_namespace_of_its_own():
    """Starts again where no other process of this machine copies, and so holds, our mounts."""
    if os.environ.get("POWER_CUT_ALONE") is None:
        os.environ["POWER_CUT_ALONE"] = "1"
        alone = ["unshare", "--mount", "--propagation", "private"]
        if run(*alone, "true").returncode != 0:
            cannot("no mount namespace of its own to be had")
        os.execvp(alone[0], [*alone, sys.executable, *sys.argv])


def write_until_cut(writer, folder, batches, acknowledged):
    """Lets the writer write until it has acknowledged so many batches, then cuts the power."""
    process = subprocess.Popen([writer, "write", f"{folder}/ledger"], stdout=subprocess.PIPE)
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    said = b""
    deadline = time.monotonic() + 30
    while said.count(b"\n") < batches:
        select.select([pipe], [], [], 1)
        said += os.read(pipe, 1 << 16) if select.select([pipe], [], [], 0)[0] else b""
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit(f"the writer stopped by itself: {process.wait()}")
    handle = os.open(folder, os.O_RDONLY)
    # What is in the pipe now was acknowledged before the cut; what comes later may not have been.
    while select.select([pipe], [], [], 0)[0]:
        said += os.read(pipe, 1 << 16)
    fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_JOURNAL))
    os.close(handle)
    process.kill()
    process.wait()
    process.stdout.close()
    for line in said.decode().split("\n")[:-1]:
        _, thread, number = line.split()
        acknowledged[thread] = max(acknowledged.get(thread, 0), int(number))


def main():
    writer, cuts, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    if os.geteuid() != 0:
        cannot("cutting the power under a file system needs root")
    in_a_mount_namespace_of_its_own()
    work = tempfile.mkdtemp(prefix="power-cut-")
    image, folder = f"{work}/disk", f"{work}/mounted"
    os.mkdir(folder)
    try:
        with open(image, "wb") as disk:
            disk.truncate(256 << 20)
        made = run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        if made.returncode != 0:
            cannot(f"mkfs.ext4: {made.stderr.strip()}")
        acknowledged = {}
        for cut in range(1, cuts + 1):
            mount(image, folder)
            try:
                write_until_cut(writer, folder, chance.randint(1, 1500), acknowledged)
            finally:
                unmount(image, folder)
            mount(image, folder)
            try:
                wanted = [f"{thread}:{number}" for thread, number in acknowledged.items()]
                checked = run(writer, "verify", f"{folder}/ledger", *wanted)
            finally:
                unmount(image, folder)
            print(f"cut {cut}: acknowledged {acknowledged}, {checked.stdout.strip()}", flush=True)
            if checked.returncode != 0:
                print(checked.stderr.strip())
                sys.exit(1)
        print(f"{cuts} cuts, nothing lost")
    finally:
        if os.path.ismount(folder):
            unmount(image, folder)
        run("rm", "-rf", work)


if __name__ == "__main__":
    main()
