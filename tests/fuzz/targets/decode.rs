//! The decoder over anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| json2avro::decode(bytes));
