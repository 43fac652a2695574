"""What the benchmarks share about the services: a broker and a registry of the tests, their topics and subjects.

Comes in: a folder that may be filled. Goes out: numbers that the broker gives. Must never: leave services behind.
"""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
DISTINCT = 20_000


def say(text):
    print(text, file=sys.stderr, flush=True)


class Services:
    """Broker and registry, for as long as the block lasts; `services hold` ends them even if we are killed."""

    def __init__(self, folder):
        self.folder = folder
        script = HERE.parent / "services/services"
        # The broker has the machine to itself, so it compiles as a broker in production does.
        environment = {**os.environ, "JSON2AVRO_SERVICES_JAVA_OPTIONS": "-XX:+UseG1GC"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.hold = subprocess.Popen([script, "hold", folder / "services"], env=environment, text=True, **pipes)
        if self.hold.stdout.readline().strip() != "ready":
            sys.exit("bench: the services did not start")
        lines = (folder / "services/env").read_text().split()
        self.environment = dict(line.split("=", 1) for line in lines)
        self.brokers = self.environment["KAFKA_BOOTSTRAP_SERVERS"]
        self.registry = self.environment["SCHEMA_REGISTRY_URL"]
        self.broker_pid = int((folder / "services/kafka.pid").read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hold.stdin.close()
        self.hold.wait()

    def start_topics(self, *arguments):
        command = [TARGET / "release/bench-topics", *map(str, arguments)]
        return subprocess.Popen(command, env={**os.environ, **self.environment}, stdout=subprocess.PIPE, text=True)

    def topics(self, *arguments):
        """One command of bench-topics; gives its numbers."""
        child = self.start_topics(*arguments)
        answer, _ = child.communicate()
        if child.returncode != 0:
            sys.exit(f"bench: bench-topics {arguments[0]} failed")
        return answer.split()

    def records(self, kind):
        """A file of records of a set, one a line."""
        file = self.folder / f"{kind}.ndjson"
        if not file.exists():
            with file.open("wb") as out:
                subprocess.run([HERE / "generate.py", kind, str(DISTINCT)], stdout=out, check=True)
        return file

    def register(self, topic, kind):
        """The schema of a set's records, for the values of a topic."""
        body = json.dumps({"schema": (HERE / f"sets/{kind}.avsc").read_text()}).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        url = f"{self.registry}/subjects/{topic}-value/versions"
        urllib.request.urlopen(urllib.request.Request(url, body, headers)).close()
