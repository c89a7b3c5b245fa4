//! Where jobs and their bytes are kept: SQLite or PostgreSQL for the one, a directory or S3 for the other.
//!
//! The only crate that names `sqlx` and `object_store`. What is asked of a store stands in `workflow::ports`; what
//! every store must do is shown by `conformance`.

pub mod blobs;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod disk;
pub mod failpoint;
pub mod sql;
