//! Any bytes as the image of a journal: see `simulator::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| simulator::fuzzing::recover_image(data));
