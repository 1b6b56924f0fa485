#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umlaut_fuzz::mask(umlaut_fuzz::alone(), bytes));
