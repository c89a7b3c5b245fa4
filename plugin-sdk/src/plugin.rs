//! The four kinds of plugin. Implement one, then write its `export_…!` line.
//!
//! All functions are associated, not methods: a plugin is started afresh for every call and keeps nothing.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Frame, Info};

/// Frame to frame.
pub trait Filter: 'static {
    /// The step's `with:`.
    type Params: DeserializeOwned + JsonSchema;
    const INFO: Info;

    fn apply(source: Frame, params: Self::Params) -> Result<Frame, Error>;
}

/// Frame to facts: the output becomes JSON in the job's metadata, under the step's name.
pub trait Analyzer: 'static {
    type Params: DeserializeOwned + JsonSchema;
    type Output: Serialize;
    const INFO: Info;

    fn analyze(source: Frame, params: Self::Params) -> Result<Self::Output, Error>;
}

/// File to frame.
pub trait Decoder: 'static {
    type Params: DeserializeOwned + JsonSchema;
    const INFO: Info;

    /// Whether this plugin reads a file that begins with these bytes. `head` may be the whole file, or shorter
    /// than the signature.
    fn probe(head: &[u8]) -> bool;

    /// `input` is the whole file; damaged files are [`Error::BadInput`].
    fn decode(input: &[u8], params: Self::Params) -> Result<Frame, Error>;
}

/// Frame to file.
pub trait Encoder: 'static {
    type Params: DeserializeOwned + JsonSchema;
    const INFO: Info;

    fn encode(source: Frame, params: Self::Params) -> Result<Vec<u8>, Error>;
}
