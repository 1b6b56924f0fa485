#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umlaut_fuzz::control(umlaut_fuzz::scratch(), bytes));
