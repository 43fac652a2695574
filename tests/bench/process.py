"""A program under measurement: built, started, looked at, ended.

Comes in: a command. Goes out: what the kernel counted for it. Must never: count what it did not do itself.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

from services import HERE, ROOT, TARGET, say

STALLED_SECONDS = 300


def build(program, allocator="jemalloc"):
    """A program in release with an allocator; it lies in TARGET/bench, beside the others."""
    say(f"building {program}-{allocator}")
    (TARGET / "bench").mkdir(parents=True, exist_ok=True)
    binary, manifest = {"json2avro": ("json2avro", ROOT), "copy": ("bench-copy", HERE / "copy")}[program]
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", manifest / "Cargo.toml"]
    features = [] if allocator == "jemalloc" else ["--no-default-features"]
    subprocess.run([*cargo, *features], check=True, env={**os.environ, "CARGO_TARGET_DIR": TARGET})
    # The next build writes to the same place. Where a benchmark runs still, its file stays as it is.
    built = binary_at(program, allocator)
    built.unlink(missing_ok=True)
    shutil.copy(TARGET / "release" / binary, built)


def binary_at(program, allocator="jemalloc"):
    return TARGET / "bench" / f"{program}-{allocator}"


def config_for(services, name, pipelines, head=""):
    """A config file for json2avro on the services: `head` is TOML above its tables, `pipelines` below the cluster's own."""
    file = services.folder / f"{name}.toml"
    file.write_text(
        f'{head}\n[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[registry.main]\nurl = "{services.registry}"\n'
        f'[kafka.main]\n"bootstrap.servers" = "{services.brokers}"\n{pipelines}\n'
    )
    return file


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process:
    """A program that runs for as long as the block lasts."""

    def __init__(self, command, log):
        self.log = log
        with log.open("wb") as out:
            self.child = subprocess.Popen(command, stdout=out, stderr=out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.returncode is None:
            self.child.kill()
            self.child.wait()

    def runs(self):
        """Still there, or the benchmark ends."""
        if self.child.poll() is not None:
            self.fail(f"it ended early, with {self.child.returncode}")

    def status(self, name):
        """A line of /proc/PID/status, without its unit."""
        lines = pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def peak_mib(self):
        return self.status("VmHWM") / 1024

    def cpu_seconds(self):
        """User and system seconds so far."""
        return cpu_seconds(self.child.pid)

    def end(self):
        """SIGTERM and the drain; user and system seconds of all its life."""
        self.child.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        if self.child.returncode != 0:
            self.fail(f"it ended with {self.child.returncode}")
        return usage.ru_utime, usage.ru_stime

    def fail(self, what):
        tail = "".join(self.log.open(errors="replace").readlines()[-15:])
        sys.exit(f"bench: {what}; the end of {self.log.name}:\n{tail}")
