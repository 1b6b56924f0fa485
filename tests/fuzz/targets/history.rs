#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umlaut_fuzz::history(umlaut_fuzz::alone(), bytes));
