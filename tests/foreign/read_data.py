"""Reads Avro data with fastavro and compares every value with the same datum as json2avro's decoder prints it.

Comes in: lines on standard input, each `{"name", "schema", "hex", "json"}`: the schema's text, one datum, and the datum as
JSON whose values name their branches. Goes out: one line for each that fastavro cannot read, `unreadable NAME: why`, and for
each that it reads otherwise, `different NAME: ...`; then `N data compared`. Must never: share code with json2avro; what a
value must be is said here once more, from the Avro specification.
"""

import datetime
import decimal
import io
import json
import math
import re
import struct
import sys
import uuid

import fastavro

DAY = datetime.date(1970, 1, 1)
LOCAL = datetime.datetime(1970, 1, 1)
PER_SECOND = {"millis": 10**3, "micros": 10**6, "nanos": 10**9}
decimal.getcontext().prec = 10_000


class Number(str):
    """A JSON number as it was written."""


class Different(Exception):
    """A value that is another one."""


def main():
    compared = 0
    for line in sys.stdin:
        case = json.loads(line)
        names = {}
        try:
            schema = fastavro.parse_schema(json.loads(case["schema"]), named_schemas=names)
            datum = io.BytesIO(bytes.fromhex(case["hex"]))
            found = fastavro.schemaless_reader(datum, schema, None)
            rest = datum.read()
        except Exception as error:  # Whatever it is, the one who calls has to know of it.
            print(f"unreadable {case['name']}: {type(error).__name__}: {error}".replace("\n", " "))
            continue
        wanted = json.loads(case["json"], parse_int=Number, parse_float=Number)
        try:
            hold(not rest, "the end", rest)
            compare(schema, names, wanted, found)
            compared += 1
        except Different as difference:
            print(f"different {case['name']}: {difference}".replace("\n", " "))
    print(f"{compared} data compared")


def hold(holds, wanted, found):
    if not holds:
        raise Different(f"{found!r} instead of {wanted!r}")


def compare(schema, names, wanted, found):
    """All the way down: `wanted` is JSON, `found` is what fastavro made of the bytes."""
    if isinstance(schema, str):
        schema = names.get(schema, {"type": schema})
    if isinstance(schema, list):
        return compare_union(schema, names, wanted, found)
    kind = schema["type"]
    if isinstance(kind, (dict, list)):
        return compare(kind, names, wanted, found)
    if kind in names:
        return compare(names[kind], names, wanted, found)
    if kind in ("record", "error"):
        hold(isinstance(found, dict) and wanted.keys() == found.keys(), wanted, found)
        for field in schema["fields"]:
            compare(field["type"], names, wanted[field["name"]], found[field["name"]])
    elif kind == "array":
        hold(isinstance(found, list) and len(wanted) == len(found), wanted, found)
        for one, other in zip(wanted, found):
            compare(schema["items"], names, one, other)
    elif kind == "map":
        hold(isinstance(found, dict) and wanted.keys() == found.keys(), wanted, found)
        for key, value in wanted.items():
            compare(schema["values"], names, value, found[key])
    else:
        value = expected(schema, kind, schema.get("logicalType"), wanted, found)
        same = type(value) is type(found) and (value == found or value != value and found != found)
        # repr tells 0.0 from -0.0.
        hold(same and (not isinstance(value, float) or repr(value) == repr(found)), value, found)


def compare_union(schema, names, wanted, found):
    """A branch by its name: the type's, or the full name."""
    if wanted is None:
        return hold(found is None, wanted, found)
    ((tag, value),) = wanted.items()
    branches = [branch for branch in schema if name_of(branch, names) == tag]
    hold(len(branches) == 1, wanted, found)
    return compare(branches[0], names, value, found)


def name_of(branch, names):
    if isinstance(branch, str):
        return branch
    if branch["type"] in ("record", "error", "enum", "fixed"):
        return branch["name"]
    return name_of(branch["type"], names)


def expected(schema, kind, logical, given, found):
    """The Python value that fastavro has for a value. A logical type that it leaves alone is the value below it."""
    if kind == "null" or kind == "boolean" or kind == "enum":
        return given
    if kind == "string":
        return uuid.UUID(given) if logical == "uuid" else given
    if kind in ("float", "double"):
        value = math.nan if given == "NaN" else float(given)
        return struct.unpack("<f", struct.pack("<f", value))[0] if kind == "float" else value
    if kind in ("int", "long"):
        return moment(kind, logical, int(given)) if not isinstance(found, int) else int(given)
    return of_bytes(schema, kind, logical, given, found)


def moment(kind, logical, value):
    """A date, time or timestamp: the ones that fastavro has a Python type for."""
    if (kind, logical) == ("int", "date"):
        return DAY + datetime.timedelta(days=value)
    what, _, unit = (logical or "").rpartition("-")
    micros = datetime.timedelta(microseconds=value * 10**6 // PER_SECOND[unit])
    if what == "time":
        return (LOCAL + micros).time()
    if what == "timestamp":
        return LOCAL.replace(tzinfo=datetime.timezone.utc) + micros
    return LOCAL + micros


def of_bytes(schema, kind, logical, given, found):
    """`bytes` or `fixed`."""
    if isinstance(found, decimal.Decimal):
        return decimal.Decimal(given).quantize(decimal.Decimal(1).scaleb(-schema.get("scale", 0)))
    if isinstance(found, uuid.UUID):
        return uuid.UUID(given)
    if isinstance(given, Number):
        digits = decimal.Decimal(given)
        if logical != "big-decimal":
            # Left alone: a decimal that fastavro does not take for one.
            return twos_complement(int(digits.scaleb(schema.get("scale", 0))), schema.get("size"))
        sign, digits, exponent = digits.as_tuple()
        value = int("".join(map(str, digits))) * (-1 if sign else 1)
        unscaled = twos_complement(value, None)
        return varint(len(unscaled)) + unscaled + varint(-exponent)
    if kind == "fixed" and logical == "uuid" and schema["size"] == 16:
        return uuid.UUID(given).bytes
    if kind == "fixed" and logical == "duration" and schema["size"] == 12:
        months, days, seconds = re.fullmatch(r"P(?:(\d+)M)?(?:(\d+)D)?(?:T([\d.]+)S)?", given).groups("0")
        return struct.pack("<III", int(months), int(days), int(decimal.Decimal(seconds) * 1000))
    return given.encode("latin-1")


def twos_complement(value, size):
    return value.to_bytes(size or (value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)


def varint(value):
    zigzag, out = (-2 * value - 1 if value < 0 else 2 * value), bytearray()
    while zigzag >= 128:
        out.append(zigzag % 128 + 128)
        zigzag //= 128
    return bytes(out + bytes([zigzag]))


if __name__ == "__main__":
    main()
