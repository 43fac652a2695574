"""Reads an Avro topic with confluent-kafka's AvroDeserializer and compares every value with the JSON it came from.

Comes in: bootstrap servers, registry URL, the source topic (JSON) and the sink topic (Avro, each record with the header
`json2avro.source`), and `text` where keys were text and are Avro strings. Goes out: `N records compared` and exit code 0, or the first difference and exit code 1. Must never:
share code with json2avro; what a value must be is said here a second time, from the Avro specification.
"""

import datetime
import decimal
import json
import struct
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def main(bootstrap, registry_url, source_topic, sink_topic, keys="same"):
    registry = SchemaRegistryClient({"url": registry_url})
    deserialize = AvroDeserializer(registry)
    messages = {(m.partition(), m.offset()): m for m in read(bootstrap, source_topic)}
    source = {place: message.value() for place, message in messages.items()}
    compared = 0
    for message in read(bootstrap, sink_topic):
        topic, partition, offset = dict(message.headers())["json2avro.source"].decode().rsplit(":", 2)
        text = source.pop((int(partition), int(offset)))
        place = f"{topic}[{partition}]@{offset}"
        key, found_key = messages[int(partition), int(offset)].key(), message.key()
        if keys == "text" and key is not None:
            key = key.decode()
            found_key = deserialize(found_key, SerializationContext(sink_topic, MessageField.KEY))
        check(key == found_key, f"{place} key", key, found_key)
        if text is None:
            check(message.value() is None, place, None, message.value())
        else:
            found = deserialize(message.value(), SerializationContext(sink_topic, MessageField.VALUE))
            schema_id = struct.unpack(">xi", message.value()[:5])[0]
            schema = json.loads(registry.get_schema(schema_id).schema_str)
            # The text of a number is kept: what a double or a decimal must be follows from it, not from a float.
            given = json.loads(text, parse_int=Number, parse_float=Number)
            compare(expected(schema, given, {}), found, place)
        compared += 1
    check(not source, source_topic, "no record left", f"{len(source)} records without an output")
    print(f"{compared} records compared")


class Number(str):
    """A JSON number as it was written."""


def read(bootstrap, topic):
    """All records of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "read-back", "enable.partition.eof": True})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    open_partitions = len(partitions)
    while open_partitions:
        message = consumer.poll(30)
        if message is None:
            sys.exit(f"{topic}: no record and no end within 30 s")
        if message.error() is None:
            yield message
        elif message.error().code() == KafkaError._PARTITION_EOF:
            open_partitions -= 1
        else:
            sys.exit(f"{topic}: {message.error()}")
    consumer.close()


def expected(schema, given, names):
    """The Python value that a JSON value must become under a schema."""
    if isinstance(schema, str):
        schema = names.get(schema, {"type": schema})
    if isinstance(schema, list):
        branches = [names.get(branch, branch) if isinstance(branch, str) else branch for branch in schema]
        return expected(next(branch for branch in branches if takes(branch, given)), given, names)
    kind, logical = schema["type"], schema.get("logicalType")
    if isinstance(kind, (dict, list)):
        return expected(kind, given, names)
    if "name" in schema:
        names[schema["name"]] = schema
    if kind == "record":
        return {field["name"]: of_field(field, given, names) for field in schema["fields"]}
    if kind == "array":
        return [expected(schema["items"], item, names) for item in given]
    if kind == "map":
        return {key: expected(schema["values"], value, names) for key, value in given.items()}
    if logical == "decimal":
        return decimal.Decimal(given).quantize(decimal.Decimal(1).scaleb(-schema.get("scale", 0)))
    if logical == "timestamp-millis":
        return EPOCH + datetime.timedelta(milliseconds=int(given))
    if logical == "date":
        return (EPOCH + datetime.timedelta(days=int(given))).date()
    if kind in ("int", "long"):
        return int(given)
    if kind == "double":
        return float(given)
    if kind == "float":
        return struct.unpack("f", struct.pack("f", float(given)))[0]
    if kind in ("bytes", "fixed"):
        return given.encode("latin-1")
    return given  # null, boolean, string, enum


def of_field(field, given, names):
    """A field's value, or its default where the JSON has none."""
    if field["name"] in given:
        return expected(field["type"], given[field["name"]], names)
    return field["default"]


def takes(branch, given):
    """Whether a union's branch is the one for a JSON value; the schema of this suite leaves no doubt."""
    kind = branch if isinstance(branch, str) else branch["type"]
    if given is None:
        return kind == "null"
    if isinstance(given, Number):
        return kind in ("int", "long", "float", "double")
    if isinstance(given, bool):
        return kind == "boolean"
    if isinstance(given, str):
        return kind in ("string", "bytes", "fixed", "enum")
    return kind == ("array" if isinstance(given, list) else "record")


def compare(wanted, found, place):
    """Equal in type and value, all the way down."""
    check(type(wanted) is type(found), place, wanted, found)
    if isinstance(wanted, dict):
        check(wanted.keys() == found.keys(), place, list(wanted), list(found))
        for key, value in wanted.items():
            compare(value, found[key], f"{place}.{key}")
    elif isinstance(wanted, list):
        check(len(wanted) == len(found), place, wanted, found)
        for index, (one, other) in enumerate(zip(wanted, found)):
            compare(one, other, f"{place}[{index}]")
    else:
        # repr tells 0.0 from -0.0.
        check(wanted == found and repr(wanted) == repr(found), place, wanted, found)


def check(holds, place, wanted, found):
    if not holds:
        sys.exit(f"{place}: expected {wanted!r}, found {found!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
