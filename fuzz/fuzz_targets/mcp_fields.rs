//! `cargo fuzz run mcp_fields`; without the fuzzer, runs the files that it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sealstamp_fuzz::mcp_fields(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    sealstamp_fuzz::replay(sealstamp_fuzz::mcp_fields)
}
