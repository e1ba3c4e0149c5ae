//! TensorFlow V2 checkpoints ("tensor bundles"): an `.index` table that says where in the data shards
//! `PREFIX.data-0000k-of-0000n` each variable's bytes lie.
//!
//! Source: tensorflow/core/util/tensor_bundle/tensor_bundle.{h,cc} and core/protobuf/tensor_bundle.proto.

mod index;
mod proto;
mod sstable;

pub use index::TfIndex;
pub(super) use sstable::has_magic;
