//! The generated `Guest` traits, implemented for every plugin type of a kind.

use std::marker::PhantomData;

use serde_json::Value;

use crate::bindings::exports_of::{analyzer, decoder, encoder, filter, meta};
use crate::bindings::imports::stopbath::plugin::frames;
use crate::{Analyzer, Decoder, Encoder, Error, Filter, Frame, Info, backend, params};

#[derive(Debug)]
pub struct FilterExport<P>(PhantomData<P>);
#[derive(Debug)]
pub struct AnalyzerExport<P>(PhantomData<P>);
#[derive(Debug)]
pub struct DecoderExport<P>(PhantomData<P>);
#[derive(Debug)]
pub struct EncoderExport<P>(PhantomData<P>);

impl<P: Filter> filter::Guest for FilterExport<P> {
    fn apply(source: frames::Frame, params_json: String) -> Result<frames::Frame, Error> {
        P::apply(from_host(source), params::parse(&params_json)?).map(to_host)
    }
}

impl<P: Analyzer> analyzer::Guest for AnalyzerExport<P> {
    fn analyze(source: frames::Frame, params_json: String) -> Result<String, Error> {
        let output = P::analyze(from_host(source), params::parse(&params_json)?)?;
        serde_json::to_string(&output)
            .map_err(|error| Error::Internal(format!("the output cannot be written as JSON: {error}")))
    }
}

impl<P: Decoder> decoder::Guest for DecoderExport<P> {
    fn probe(head: Vec<u8>) -> bool {
        P::probe(&head)
    }

    fn decode(input: Vec<u8>, params_json: String) -> Result<frames::Frame, Error> {
        P::decode(&input, params::parse(&params_json)?).map(to_host)
    }
}

impl<P: Encoder> encoder::Guest for EncoderExport<P> {
    fn encode(source: frames::Frame, params_json: String) -> Result<Vec<u8>, Error> {
        P::encode(from_host(source), params::parse(&params_json)?)
    }
}

impl<P: Filter> meta::Guest for FilterExport<P> {
    fn describe() -> meta::Manifest {
        manifest(meta::Kind::Filter, P::INFO, &params::schema::<P::Params>())
    }
}

impl<P: Analyzer> meta::Guest for AnalyzerExport<P> {
    fn describe() -> meta::Manifest {
        manifest(meta::Kind::Analyzer, P::INFO, &params::schema::<P::Params>())
    }
}

impl<P: Decoder> meta::Guest for DecoderExport<P> {
    fn describe() -> meta::Manifest {
        manifest(meta::Kind::Decoder, P::INFO, &params::schema::<P::Params>())
    }
}

impl<P: Encoder> meta::Guest for EncoderExport<P> {
    fn describe() -> meta::Manifest {
        manifest(meta::Kind::Encoder, P::INFO, &params::schema::<P::Params>())
    }
}

fn manifest(kind: meta::Kind, info: Info, schema: &Value) -> meta::Manifest {
    meta::Manifest {
        name: info.name.to_owned(),
        version: info.version.to_owned(),
        kind,
        description: info.description.to_owned(),
        params_schema: schema.to_string(),
        banded: info.banded,
        media_types: info.media_types.iter().map(ToString::to_string).collect(),
        hints: meta::LimitsHint {
            fuel_base: info.fuel_base,
            fuel_per_pixel: info.fuel_per_pixel,
            memory_bytes: info.memory,
            timeout_ms: info.timeout_ms,
        },
        extra_json: "{}".to_owned(),
    }
}

fn from_host(frame: frames::Frame) -> Frame {
    Frame::from_raw(backend::Frame(frame))
}

fn to_host(frame: Frame) -> frames::Frame {
    frame.into_raw().0
}
