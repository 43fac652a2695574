// Reads an Avro topic with kafkajs and @kafkajs/confluent-schema-registry and compares every value with the JSON it
// came from.
//
// Comes in: bootstrap servers, registry URL, the source topic (JSON) and the sink topic (Avro, each record with the
// header `json2avro.source`; compressed with gzip or not at all, which is all that kafkajs reads). Goes out: `N records
// compared` and exit code 0, or the first difference and exit code 1. Must never: share code with json2avro; what a value
// must be is said here a second time, from the Avro specification.

import { createRequire } from "node:module";
import path from "node:path";

// The packages lie in the cache, not beside this file.
const require = createRequire(path.join(process.env.NODE_PACKAGES, "package.json"));
const { Kafka, logLevel } = require("kafkajs");
const { SchemaRegistry, SchemaType } = require("@kafkajs/confluent-schema-registry");
const avsc = createRequire(require.resolve("@kafkajs/confluent-schema-registry"))("avsc");

// avsc's numbers end at 2^53; a long is a BigInt here.
const long = avsc.types.LongType.__with({
  fromBuffer: (bytes) => bytes.readBigInt64LE(),
  toBuffer: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value) => typeof value === "bigint",
  compare: (one, other) => (one < other ? -1 : one > other ? 1 : 0),
});

const [bootstrap, registryUrl, sourceTopic, sinkTopic] = process.argv.slice(2);
const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.ERROR });
const registry = new SchemaRegistry(
  { host: registryUrl },
  // Unions as { branch: value }, so that the branch is seen too.
  // A long is found by its name, or within an object where it is annotated.
  { [SchemaType.AVRO]: { registry: { long }, typeHook: ({ type }) => (type === "long" ? long : undefined), wrapUnions: true } },
);

const schemas = new Map();

async function main() {
  const source = new Map();
  for (const { partition, message } of await readAll(sourceTopic)) {
    source.set(`${sourceTopic}:${partition}:${message.offset}`, message.value);
  }
  let compared = 0;
  for (const { message } of await readAll(sinkTopic)) {
    const place = message.headers["json2avro.source"].toString();
    check(source.has(place), place, "a source record", "none, or a second time");
    const text = source.get(place);
    source.delete(place);
    if (text === null) {
      check(message.value === null, place, null, message.value);
    } else {
      const found = await registry.decode(message.value);
      compare(expected(await schemaOf(message.value), parse(text.toString()), {}), found, place);
    }
    compared += 1;
  }
  check(source.size === 0, sourceTopic, "no record left", `${source.size} records without an output`);
  console.log(`${compared} records compared`);
}

async function schemaOf(value) {
  const id = value.readInt32BE(1);
  if (!schemas.has(id)) {
    const answer = await fetch(`${registryUrl}/schemas/ids/${id}`);
    schemas.set(id, JSON.parse((await answer.json()).schema));
  }
  return schemas.get(id);
}

/** All records of a topic. */
async function readAll(topic) {
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
  await admin.disconnect();
  const open = new Set([...ends].filter(([, end]) => end > 0n).map(([partition]) => partition));
  const records = [];
  const consumer = kafka.consumer({ groupId: `read-back-${process.pid}-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${topic}: no end within 60 s`)), 60_000).unref();
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({
      eachMessage: async ({ partition, message }) => {
        records.push({ partition, message });
        if (BigInt(message.offset) + 1n >= ends.get(partition)) open.delete(partition);
        if (open.size === 0) resolve();
      },
    });
  });
  await consumer.disconnect();
  return records;
}

/** A JSON number as it was written: what a long, a double or a decimal must be follows from its text. */
class Numeral {
  constructor(text) {
    this.text = text;
  }
}

/** JSON with its numbers kept as text. */
function parse(text) {
  // JSON.parse alone would round them. Strings are matched first, so that no digit within one is taken for a number.
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs, (token) =>
    token.startsWith('"') ? token : `{"\\u0000":"${token}"}`,
  );
  return JSON.parse(marked, (_, value) =>
    value !== null && typeof value === "object" && "\u0000" in value ? new Numeral(value["\u0000"]) : value,
  );
}

/** The value that avsc must give for a JSON value under a schema. */
function expected(schema, given, names) {
  if (typeof schema === "string") schema = names[schema] ?? { type: schema };
  if (Array.isArray(schema)) {
    const branches = schema.map((branch) => names[branch] ?? branch);
    const branch = branches.find((branch) => takes(branch, given));
    const value = expected(branch, given, names);
    return value === null ? null : { [branchName(branch)]: value };
  }
  if (typeof schema.type === "object") return expected(schema.type, given, names);
  if (schema.name) names[schema.name] = schema;
  switch (schema.type) {
    case "record":
      return Object.fromEntries(schema.fields.map((field) => [field.name, ofField(field, given, names)]));
    case "array":
      return given.map((item) => expected(schema.items, item, names));
    case "map":
      return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, expected(schema.values, value, names)]));
    case "int":
      return Number(given.text);
    case "long":
      return BigInt(given.text);
    case "double":
      return Number(given.text);
    case "float":
      return Math.fround(Number(given.text));
    case "bytes":
    case "fixed":
      return schema.logicalType === "decimal" ? unscaled(given, schema.scale ?? 0) : Buffer.from(given, "latin1");
    default:
      return given; // null, boolean, string, enum
  }
}

/** A field's value, or its default where the JSON has none. */
function ofField(field, given, names) {
  return field.name in given ? expected(field.type, given[field.name], names) : field.default;
}

/** Whether a union's branch is the one for a JSON value; the schema of this suite leaves no doubt. */
function takes(branch, given) {
  const kind = branch.type ?? branch;
  if (given === null) return kind === "null";
  if (given instanceof Numeral) return ["int", "long", "float", "double"].includes(kind);
  if (typeof given === "boolean") return kind === "boolean";
  if (typeof given === "string") return ["string", "bytes", "fixed", "enum"].includes(kind);
  return kind === (Array.isArray(given) ? "array" : "record");
}

/** avsc's name of a branch: full for what has a name, the type otherwise. */
function branchName(branch) {
  if (typeof branch === "string") return branch;
  return branch.name ? `shop.${branch.name}` : branch.type;
}

/** The shortest two's complement of a decimal's digits, as the specification has it. */
function unscaled(given, scale) {
  const text = given.text ?? given;
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const digits = BigInt(sign + whole + fraction.padEnd(scale, "0"));
  let size = 1;
  while (BigInt.asIntN(size * 8, digits) !== digits) size += 1;
  const hex = BigInt.asUintN(size * 8, digits).toString(16).padStart(size * 2, "0");
  return Buffer.from(hex, "hex");
}

/** Equal in type and value, all the way down. */
function compare(wanted, found, place) {
  if (Buffer.isBuffer(wanted)) {
    check(Buffer.isBuffer(found) && wanted.equals(found), place, wanted, found);
  } else if (wanted !== null && typeof wanted === "object") {
    check(found !== null && typeof found === "object", place, wanted, found);
    check(Array.isArray(wanted) === Array.isArray(found), place, wanted, found);
    const keys = Object.keys(wanted).sort();
    check(keys.join("\n") === Object.keys(found).sort().join("\n"), place, keys, Object.keys(found));
    for (const key of keys) compare(wanted[key], found[key], `${place}.${key}`);
  } else {
    // Object.is tells 0 from -0, and a number from a BigInt.
    check(Object.is(wanted, found), place, wanted, found);
  }
}

function check(holds, place, wanted, found) {
  if (holds) return;
  console.log(`${place}: expected`, wanted, "found", found);
  process.exit(1);
}

await main();
process.exit(0);
