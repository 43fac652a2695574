//! Our encoder and decoder beside others, over random schemas and records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| json2avro::encode(bytes));
