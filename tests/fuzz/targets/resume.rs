#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umlaut_fuzz::resume(umlaut_fuzz::alone(), bytes));
