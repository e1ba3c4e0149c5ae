//! What a bundle's index says, as TensorFlow's protocol buffers, of which only the fields that are read are here.
//!
//! Source: tensorflow/core/protobuf/tensor_bundle.proto and
//! tensorflow/core/framework/{versions,tensor_shape,types}.proto.

use crate::format::ElementType;
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

/// The element type with a number (tensorflow/core/framework/types.proto). Of strings and types of later versions,
/// which have no known size, the name alone: they are listed and cannot be read.
pub(super) fn element_type(number: i32) -> Result<ElementType, String> {
    Ok(match number {
        1 => ElementType::F32,
        2 => ElementType::F64,
        3 => ElementType::I32,
        4 => ElementType::U8,
        5 => ElementType::I16,
        6 => ElementType::I8,
        7 => return Err("string".into()),
        8 => ElementType::Complex64,
        9 => ElementType::I64,
        10 => ElementType::Bool,
        14 => ElementType::BF16,
        17 => ElementType::U16,
        18 => ElementType::Complex128,
        19 => ElementType::F16,
        22 => ElementType::U32,
        23 => ElementType::U64,
        other => return Err(format!("TensorFlow type {other}")),
    })
}
