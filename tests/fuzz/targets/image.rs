#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umlaut_fuzz::image(umlaut_fuzz::alone(), bytes));
