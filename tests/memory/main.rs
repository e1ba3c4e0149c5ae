//! Tests that count memory: what inferences and conversions allocate, what hostile files can make the readers allocate,
//! and that memory does not grow.

#![allow(unreachable_pub)] // a program has no callers outside

mod alloc;
#[path = "../common/mod.rs"]
mod common;

mod allocations;
mod convert_memory;
mod image;
mod packed_mutation;
mod readers_mutation;
mod soak;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;
