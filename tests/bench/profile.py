"""Where a process spends its CPU: samples of Linux's perf, by noun.

Comes in: a running process. Goes out: on what share of its CPU went. Must never: be held against an aim, for sampling costs
something, too.
"""

import collections
import re
import signal
import subprocess
import sys
import time

HERTZ = 2999
# A thread that begins while perf looks for them is missed, and so are those that it begins.
SETTLED_SECONDS = 0.5

# The first that fits the symbol, "[k]" behind the kernel's, names the sample. Threads' names would fit, too: `copy-jemalloc`.
NOUNS = {
    "kernel: sockets, polling, switching": r".*\[k\]",
    "transcoding": r".*json2avro::(transcoder|framing)",
    "the lane, and all else of ours": r".*(json2avro::|bench_copy::|tokio|rdkafka::)",
    "compressing": r".*(LZ4_compress|LZ4F?_?c|XXH32|rd_crc32|crc32)",
    "decompressing": r".*LZ4",
    "allocating": r".*(_rjem_|je_|malloc|calloc|\bfree\b|cfree|realloc|arena_|tcache_)",
    "copying bytes": r".*(memmove|memcpy|memset|memcmp)",
    "reading the clock": r".*(clock_gettime|rd_clock)",
    "locking": r".*(pthread_|lll_|mtx_|cnd_|futex)",
    "librdkafka: reports": r".*(rd_kafka_event|rd_kafka_dr_|rd_kafka_handle_Produce|ack)",
    "librdkafka: reading": r".*(msgset_reader|rd_slice|fetch|rkmessage|rd_kafka_op|rd_kafka_message|rd_kafka_q_)",
    "librdkafka: writing": r".*(produce|rd_kafka_msg|rd_buf|toppar|msgset_writer|rd_kafka_topic|partitioner)",
    "librdkafka: all else": r".*\brd_",
}
PATTERNS = {noun: re.compile(pattern, re.IGNORECASE) for noun, pattern in NOUNS.items()}
OTHER = "all else"


class Profile:
    """Samples a process until it ends."""

    def __init__(self, pid, file):
        self.file = file
        time.sleep(SETTLED_SECONDS)
        command = ["perf", "record", "--quiet", "-e", "cpu-clock", "-F", str(HERTZ), "-o", file, "-p", str(pid)]
        try:
            self.perf = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            sys.exit("bench: a profile needs Linux's perf (Debian: linux-perf)")
        # It says nothing once it has begun.
        time.sleep(0.2)
        if self.perf.poll() is not None:
            sys.exit(f"bench: perf does not start: {self.perf.stderr.read()}")

    def samples(self):
        """How many there are of each noun, once the process has ended."""
        self.perf.send_signal(signal.SIGINT)
        self.perf.communicate()
        script = ["perf", "script", "-i", self.file, "-F", "ip,sym"]
        samples = subprocess.run(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        return collections.Counter(noun_of(sample) for sample in samples.splitlines() if sample.strip())


def noun_of(sample):
    # The kernel's half of the addresses.
    address = re.search(r"\b([0-9a-f]{8,16})\b", sample)
    if address and address[1].startswith("ffff") and len(address[1]) == 16:
        sample += " [k]"
    return next((noun for noun, pattern in PATTERNS.items() if pattern.match(sample)), OTHER)


def table(profiles):
    """A row for each noun, a column for each named pair of samples and CPU seconds for a million records."""
    shares = {name: {noun: count / samples.total() * cpu for noun, count in samples.items()}
              for name, (samples, cpu) in profiles.items()}
    nouns = {noun: sum(share.get(noun, 0) for share in shares.values()) for noun in [*NOUNS, OTHER]}
    rows = [["CPU-s for a million records", *profiles], ["---"] * (len(profiles) + 1)]
    for noun in sorted(nouns, key=nouns.get, reverse=True):
        rows.append([noun, *(f"{share.get(noun, 0):.3f}" for share in shares.values())])
    rows.append(["all", *(f"{cpu:.3f}" for _, cpu in profiles.values())])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
