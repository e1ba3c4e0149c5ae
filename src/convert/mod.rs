pub mod checkpoint;
mod locate;
pub mod npz;
mod sstable;
pub mod tf_bundle;
mod zip_directory;
