#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umlaut_fuzz::run_files(umlaut_fuzz::alone(), bytes));
