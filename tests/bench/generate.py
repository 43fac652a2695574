#!/usr/bin/env python3
"""Records for the benchmarks: JSON of several shapes, the same ones for the same seed.

    generate.py SET RECORDS [SEED]      to standard output, one a line; their schema is sets/SET.avsc

a  183 bytes on average: a flat event, eight fields
b  955 bytes: an order with nested records, arrays and maps, most decimals as strings, fields in another order than the
   schema's
c  9,500 bytes: a batch of measurements: 250 doubles, in a quarter of the records with all their 16 or 17 digits, 350
   integers, long text with escapes
d  2,806 bytes: a pull request event as GitHub sends it, with fields that the schema does not have
e  d, with the keys of every object in an order of its own: nothing can be learnt from the record before
w  d, indented by two spaces: a record is many lines, an empty one ends it

The text is mostly English words with some other scripts, quotes and line ends in between.
"""

import json
import random
import string
import sys

WORDS = (
    "alpha bravo delta sensor order shipment network latency kernel cluster parcel summer winter checkout payment "
    "refund gateway storage replica quorum offset consumer producer topic schema registry avro"
).split()
FOREIGN = ["café", "naïve", "Zürich", "東京", "北京", "Москва", "São Paulo", "jalapeño", "🚀", "✓", "Ærø", "Łódź"]
LABELS = ["channel", "campaign", "utm_source", "ab_test", "device", "locale", "referrer"]
SEED = 20240607


def main(arguments):
    """Writes one set; a wrong call is 64 (sysexits.h)."""
    if len(arguments) not in (2, 3) or arguments[0] not in SETS or not all(text.isdigit() for text in arguments[1:]):
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    name, records, *seed = arguments
    seed = int(*seed) if seed else SEED
    made, shuffler = SETS[name](random.Random(seed)), random.Random(seed)
    for _ in range(int(records)):
        record = made.record()
        if name == "e":
            record = shuffled(record, shuffler)
        form = {"indent": 2} if name == "w" else {"separators": (",", ":")}
        text = json.dumps(record, ensure_ascii=False, **form) + ("\n\n" if name == "w" else "\n")
        sys.stdout.buffer.write(text.encode())


def shuffled(value, source):
    """The same value, its keys in another order."""
    if isinstance(value, list):
        return [shuffled(item, source) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: shuffled(value[key], source) for key in source.sample(list(value), len(value))}


class Made:
    """What the sets' values are made of."""

    def __init__(self, source):
        self.source = source
        self.one_of = source.choice
        self.number = source.randint

    def chance(self, share):
        return self.source.random() < share

    def maybe(self, share, make):
        """Null, but for this share."""
        return make() if self.chance(share) else None

    def words(self, count, foreign=0.03):
        return " ".join(self.one_of(FOREIGN if self.chance(foreign) else WORDS) for _ in range(count))

    def some_words(self, least, most):
        return [self.one_of(WORDS) for _ in range(self.number(least, most))]

    def drawn(self, alphabet, length):
        return "".join(self.one_of(alphabet) for _ in range(length))

    def hexadecimal(self, length):
        return self.drawn("0123456789abcdef", length)

    def uuid(self):
        return "-".join(self.hexadecimal(length) for length in (8, 4, 4, 4, 12))

    def node_id(self, length):
        return self.drawn(string.ascii_letters + string.digits, length) + "=="

    def time(self):
        day = f"20{self.number(19, 25)}-{self.number(1, 12):02d}-{self.number(1, 28):02d}"
        clock = f"{self.number(0, 23):02d}:{self.number(0, 59):02d}:{self.number(0, 59):02d}"
        return f"{day}T{clock}.{self.number(0, 999):03d}Z"

    def price(self, least, most):
        return f"{self.source.uniform(least, most):.2f}"


class Event(Made):
    """Set a."""

    def record(self):
        return {
            "id": self.uuid(),
            "ts": 1_700_000_000_000 + self.number(0, 10**10),
            "value": round(self.source.uniform(-1000, 1000), self.number(1, 4)),
            "active": self.chance(0.5),
            "kind": self.one_of(["CLICK", "VIEW", "PURCHASE", "REFUND", "LOGIN", "LOGOUT"]),
            "note": self.maybe(0.5, lambda: self.words(self.number(2, 6))),
            "count": self.number(0, 5000),
            "source": f"svc-{self.one_of(WORDS)}-{self.number(1, 99)}.{self.one_of(['eu-west-1', 'us-east-1'])}",
        }


class Order(Made):
    """Set b: total and currency stand ahead of the customer, `version` and others are now and then absent."""

    def record(self):
        order = {
            "order_id": self.uuid(),
            "status": self.one_of(["NEW", "PAID", "PACKED", "SHIPPED", "DELIVERED", "CANCELLED"]),
            "created_at": self.time(),
        }
        if self.chance(0.7):
            order["updated_at"] = self.maybe(0.8, self.time)
        order |= {
            "total": self.price(10, 2000),
            "currency": self.one_of(["EUR", "USD", "JPY"]),
            "customer": self.customer(),
            "items": [self.item() for _ in range(self.number(1, 5))],
        }
        if self.chance(0.7):
            order["shipping"] = self.shipping()
        order |= {
            "tags": self.some_words(0, 4),
            "metadata": {label: self.words(1) for label in self.source.sample(LABELS, self.number(1, 5))},
            "notes": self.maybe(0.4, lambda: f"{self.words(self.number(4, 12))}\n{self.words(3)}"),
            "gift": self.chance(0.1),
        }
        if self.chance(0.5):
            order["score"] = self.one_of([round(self.source.random(), 3), self.number(0, 5)])
        if self.chance(0.5):
            order["version"] = self.number(1, 7)
        return order

    def customer(self):
        customer = {
            "id": self.number(1, 10**9),
            "email": f"{self.one_of(WORDS)}.{self.one_of(WORDS)}{self.number(1, 999)}@example.com",
            "name": self.words(2, 0.1),
            "phone": self.maybe(0.6, lambda: f"+{self.number(10**10, 10**11)}"),
        }
        if self.chance(0.85):
            customer["address"] = self.address()
        return customer

    def address(self):
        address = {
            "street": f"{self.number(1, 999)} {self.words(2)}",
            "city": self.words(1, 0.3),
            "region": self.maybe(0.5, lambda: self.hexadecimal(2).upper()),
            "postal": str(self.number(10000, 99999)),
            "country": self.one_of(["DE", "US", "JP", "BR"]),
        }
        if self.chance(0.3):
            address["street2"] = f'Apt "{self.number(1, 99)}"'
        return address

    def item(self):
        return {
            "sku": f"SKU-{self.number(10**5, 10**6)}",
            "name": self.words(self.number(2, 4)),
            "qty": self.number(1, 9),
            "unit_price": self.price(1, 300),
            "discount": self.maybe(0.3, lambda: self.price(1, 9)),
            "tax_rate": self.one_of([0.19, 0.07, 0.2, 0.085]),
        }

    def shipping(self):
        return {
            "carrier": self.one_of(["DHL", "UPS", "FEDEX"]),
            "service": self.words(1),
            "tracking": self.maybe(0.5, lambda: self.hexadecimal(18).upper()),
            "cost": self.price(3, 20),
        }


class Batch(Made):
    """Set c."""

    def record(self):
        start = 1_700_000_000_000 + self.number(0, 10**10)
        digits = 17 if self.chance(0.25) else 4
        return {
            "device": self.uuid(),
            "start": start,
            "samples": [round(self.source.gauss(20, 5), digits) for _ in range(250)],
            "timestamps": [start + i * 1000 + self.number(0, 99) for i in range(150)],
            "flags": [self.number(-50, 2000) for _ in range(200)],
            "log": "\n".join(self.log_line() for _ in range(22)),
            "description": self.words(150, 0.05),
            "labels": {label: self.words(2) for label in ["site", "rack", "row", "owner"]},
            "ok": True,
        }

    def log_line(self):
        return f'{self.time()} INFO [{self.one_of(WORDS)}] "{self.words(8, 0)}" took {self.number(1, 999)}ms'


class GithubEvent(Made):
    """Sets d, e and w."""

    def record(self):
        repository = self.repository()
        return {
            "id": str(self.number(10**10, 10**11)),
            "type": "PullRequestEvent",
            "actor": self.actor(),
            "repo": repository,
            "action": self.one_of(["opened", "closed", "synchronize"]),
            "pull_request": self.pull_request(repository["url"]),
            "public": True,
            "created_at": self.time(),
            "org": self.maybe(0.5, self.actor),
            "installation_id": None,
        }

    def actor(self):
        login, number = f"{self.one_of(WORDS)}{self.number(1, 9999)}", self.number(1000, 99_999_999)
        return {
            "login": login,
            "id": number,
            "node_id": self.node_id(18),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
            "gravatar_id": None,
            "url": f"https://api.github.com/users/{login}",
            "html_url": f"https://github.com/{login}",
            "followers_url": f"https://api.github.com/users/{login}/followers",
            "type": "User",
            "site_admin": False,
            "name": self.maybe(0.4, lambda: self.words(2, 0.1)),
            "email": None,
        }

    def repository(self):
        owner, name = self.one_of(WORDS), f"{self.one_of(WORDS)}-{self.one_of(WORDS)}"
        return {
            "id": self.number(10**6, 10**9),
            "node_id": self.node_id(18),
            "name": name,
            "full_name": f"{owner}/{name}",
            "private": False,
            "description": self.maybe(0.8, lambda: self.words(8)),
            "fork": self.chance(0.2),
            "url": f"https://api.github.com/repos/{owner}/{name}",
            "homepage": None,
            "stargazers_count": self.number(0, 50000),
            "watchers": self.number(0, 999),
            "forks_count": self.number(0, 5000),
            "language": self.one_of([None, "Rust", "Go", "Python"]),
            "license": self.one_of([None, "mit", "apache-2.0"]),
            "default_branch": "main",
            "created_at": self.time(),
            "pushed_at": self.time(),
            "topics": self.some_words(0, 4),
            "size": self.number(10, 99999),
        }

    def pull_request(self, repository):
        number = self.number(1, 9999)
        return {
            "url": f"{repository}/pulls/{number}",
            "id": self.number(10**8, 2 * 10**9),
            "node_id": self.node_id(22),
            "number": number,
            "state": self.one_of(["open", "closed"]),
            "locked": False,
            "title": self.words(6),
            "user": self.actor(),
            "body": self.maybe(0.8, lambda: f'{self.words(20)}\r\n\r\n{self.words(15)} "quoted" {self.words(5)}'),
            "created_at": self.time(),
            "updated_at": self.time(),
            "closed_at": self.maybe(0.5, self.time),
            "merged_at": self.maybe(0.4, self.time),
            "merge_commit_sha": self.maybe(0.5, lambda: self.hexadecimal(40)),
            "assignee": self.maybe(0.3, self.actor),
            "requested_reviewers": [],
            "labels": [self.label() for _ in range(self.number(0, 3))],
            "milestone": None,
            "draft": False,
            "commits": self.number(1, 20),
            "additions": self.number(0, 5000),
            "deletions": self.number(0, 3000),
            "changed_files": self.number(1, 60),
            "mergeable": self.one_of([None, True]),
            "rebaseable": None,
            "auto_merge": None,
            "active_lock_reason": None,
        }

    def label(self):
        return {
            "id": self.number(10**6, 10**9),
            "name": self.one_of(WORDS),
            "color": self.hexadecimal(6),
            "default": False,
            "description": self.maybe(0.5, lambda: self.words(4)),
        }


SETS = {"a": Event, "b": Order, "c": Batch, "d": GithubEvent, "e": GithubEvent, "w": GithubEvent}

if __name__ == "__main__":
    main(sys.argv[1:])
