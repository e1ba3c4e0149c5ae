//! What a bundle's index says, as TensorFlow's protocol buffers, of which only the fields that are read are here.
//!
//! Source: tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/framework/{versions,tensor_shape,types}.proto.

use prost::Message;

/// The value under the empty key (tensor_bundle.proto).
#[derive(Clone, PartialEq, Message)]
pub(super) struct BundleHeaderProto {
    #[prost(int32, tag = "1")]
    pub(super) num_shards: i32,
    /// 0 is little-endian, 1 big-endian.
    #[prost(int32, tag = "2")]
    pub(super) endianness: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) version: Option<VersionDef>,
}

/// tensorflow/core/framework/versions.proto
#[derive(Clone, PartialEq, Message)]
pub(super) struct VersionDef {
    #[prost(int32, tag = "2")]
    pub(super) min_consumer: i32,
}

/// The value under a variable's name (tensor_bundle.proto).
#[derive(Clone, PartialEq, Message)]
pub(super) struct BundleEntryProto {
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShapeProto>,
    #[prost(int32, tag = "3")]
    pub(super) shard_id: i32,
    #[prost(int64, tag = "4")]
    pub(super) offset: i64,
    #[prost(int64, tag = "5")]
    pub(super) size: i64,
    #[prost(fixed32, optional, tag = "6")]
    pub(super) crc32c: Option<u32>,
    /// Messages whose content does not matter: any of them means a partitioned variable.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub(super) slices: Vec<Vec<u8>>,
}

/// tensorflow/core/framework/tensor_shape.proto
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "2")]
    pub(super) dim: Vec<Dim>,
    #[prost(bool, tag = "3")]
    pub(super) unknown_rank: bool,
}

/// tensorflow/core/framework/tensor_shape.proto
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dim {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

/// Name and element size of a type (tensorflow/core/framework/types.proto). Strings and types of later versions have
/// no known size; they are listed and cannot be read.
pub(super) fn dtype(number: i32) -> (String, Option<usize>) {
    let (name, size) = match number {
        1 => ("float32", 4),
        2 => ("float64", 8),
        3 => ("int32", 4),
        4 => ("uint8", 1),
        5 => ("int16", 2),
        6 => ("int8", 1),
        7 => return ("string".into(), None),
        8 => ("complex64", 8),
        9 => ("int64", 8),
        10 => ("bool", 1),
        14 => ("bfloat16", 2),
        17 => ("uint16", 2),
        18 => ("complex128", 16),
        19 => ("float16", 2),
        22 => ("uint32", 4),
        23 => ("uint64", 8),
        other => return (format!("TensorFlow type {other}"), None),
    };
    (name.into(), Some(size))
}
