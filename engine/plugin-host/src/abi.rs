//! What guests see of the host, one module for each major version of the WIT package.

pub(crate) mod buffer;
mod builder;
pub(crate) mod frames;
pub(crate) mod json;
pub(crate) mod v1;
