//! No record allocates once the encoder's memory has grown: a test binary of its own, for it counts what the allocator is
//! asked for.

use json2avro::transcoder::{Acts, Encoder, Ledger, Options, Plan};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// The largest block that was asked for, bytes.
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: the system's allocator does the work.
#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LARGEST.set(LARGEST.get().max(size));
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"id","type":"string"},{"name":"when","type":"long"},{"name":"value","type":"double"},
    {"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"]}},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"map","type":{"type":"map","values":["null","long","string"]}},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":30,"scale":2}},
    {"name":"more","type":{"type":"array","items":["null","R"]},"default":[]},
    {"name":"last","type":["int","boolean",{"type":"array","items":"double"}],"default":7}]}"#;

/// In order, out of order, with unknown, absent and escaped keys, numbers of every length.
const RECORDS: [&str; 4] = [
    r#"{"id":"0123456789abcdef0123456789abcdef","when":1700000000000,"value":20.250430928862233,"kind":"A","note":null,
        "map":{"a":1,"é":"\n"},"price":12.50,"more":[],"last":[1.5,1e300,0.1234567890123456789]}"#,
    r#"{"kind":"B","other":{"x":[1,"\u00e9",null]},"id":"","value":1,"price":-1234567890123456789012345678.90,"map":{},
        "when":-1,"more":[null,{"value":0.1,"id":"é","kind":"A","when":9223372036854775807,"map":{},"price":0}]}"#,
    r#"{"\u0069d":"a\"b","when":0,"value":-0.0,"kind":"A","map":{"long":"long enough to be more than sixty-four bytes, which is one block too many"},"price":1,"last":true}"#,
    r#"{"id":"x","when":5,"value":12345678901234567890,"kind":"A","note":"n","map":{"k":null},"price":1e3,"last":3}"#,
];

#[test]
fn none_once_the_memory_has_grown() {
    let options = Options { lossy: Acts::ALL, ..Options::default() };
    let plan = Plan::compile(SCHEMA, &[], &options);
    let mut encoder = plan.map(|plan| Encoder::new(Arc::new(plan))).unwrap_or_else(|error| panic!("{error}"));
    let (mut out, mut ledger) = (Vec::new(), Ledger::default());
    let mut pass = || {
        let before = ALLOCATIONS.get();
        for record in RECORDS {
            out.clear();
            assert_eq!(encoder.encode(record.as_bytes(), &mut out, &mut ledger), Ok(()), "{record}");
        }
        ALLOCATIONS.get() - before
    };
    assert!(pass() > 0, "the first pass must grow the memory, or nothing is counted");
    assert_eq!([pass(), pass()], [0, 0]);
}

/// Records that would become a hundred times the limit by their schema's defaults, in each way that JSON leaves to grow.
#[test]
fn what_swells_is_given_up_at_the_limit() {
    const LIMIT: usize = 1 << 20;
    let item = format!(
        r#"{{"type":"record","name":"Item","fields":[{{"name":"swells","type":"string","default":"{}"}}]}}"#,
        "x".repeat(10_000)
    );
    let field = |n: usize| format!(r#"{{"name":"f{n}","type":"Item"}}"#);
    let fields: Vec<String> = (0..10_000).map(field).collect();
    let wide =
        format!(r#"{{"type":"record","name":"R","fields":[{{"name":"first","type":{item}}},{}]}}"#, fields.join(","));
    let given: Vec<String> = (0..10_000).map(|n| format!(r#""f{n}":{{}}"#)).collect();
    let entries: Vec<String> = (0..10_000).map(|n| format!(r#""{n}":{{}}"#)).collect();
    let cases = [
        (format!(r#"{{"type":"array","items":{item}}}"#), format!("[{{}}{}]", ",{}".repeat(9_999)), "[{}]"),
        (format!(r#"{{"type":"map","values":["null",{item}]}}"#), format!("{{{}}}", entries.join(",")), "{}"),
        (wide, format!(r#"{{"first":{{}},{}}}"#, given.join(",")), ""),
    ];
    for (schema, swells, small) in &cases {
        let options = Options { lossy: Acts::ALL, ..Options::default() };
        let plan = Plan::compile(schema, &[], &options).unwrap_or_else(|error| panic!("{error}"));
        let mut encoder = Encoder::new(Arc::new(plan)).at_most(LIMIT);
        let (mut out, mut ledger) = (b"before".to_vec(), Ledger::default());
        LARGEST.set(0);
        let refusal = encoder.encode(swells.as_bytes(), &mut out, &mut ledger);
        let largest = LARGEST.get();
        let reason = refusal.as_ref().map_err(|refusal| refusal.reason);
        assert_eq!((reason, out.as_slice()), (Err("too_large"), &b"before"[..]), "{}", &schema[..30]);
        // A vector doubles.
        assert!(largest > LIMIT && largest < 3 * LIMIT, "{largest} bytes at once: {}", &schema[..30]);
        if !small.is_empty() {
            assert_eq!(encoder.encode(small.as_bytes(), &mut out, &mut ledger), Ok(()));
        }
    }
}
