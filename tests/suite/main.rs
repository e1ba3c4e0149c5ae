//! The integration tests in one program, since linking wgpu takes longer than most of them. What needs a program of its own
//! is beside: `gpu` (GPUs, and what is the same on CPUs), `memory` (a counting allocator), `golden` (data that is not in
//! the repository), `bench` (times), `layering` (the structure of the sources).

#![allow(unreachable_pub)] // a program has no callers outside

#[path = "../common/mod.rs"]
mod common;
#[path = "../../benches/isa/compare.rs"]
mod compare;
#[path = "../../benches/isa/division.rs"]
mod division;
#[path = "../../benches/instructions/figures.rs"]
mod figures;
#[path = "../../benches/common/verdict.rs"]
mod verdict;

mod cli;
mod commands;
mod comparisons;
mod convert;
mod cpu;
mod custom_net;
mod devices;
mod explain;
mod export;
#[cfg(target_os = "linux")]
mod faults;
mod field_checkpoints;
mod float;
mod folders;
mod instructions;
mod layouts;
mod machine_code;
mod narrow;
mod oracle;
mod pictures;
mod prefixes;
mod quantize;
mod report;
mod shaders;
mod torch_layouts;
mod torch_reader;
mod train;
mod verified_conversion;
mod zoo;
