//! `stopbath:plugin@0.1`: its types, and what the host offers under it.
//!
//! Written by hand rather than generated, because generated glue would copy pixels once more.

use bytes::Bytes;
use wasmtime::component::{
    ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType, WasmList,
};
use wasmtime::{StoreContextMut, Trap};
use workflow::failure::{Failure, FailureKind};
use workflow::op::Filter;

use super::builder::Builder;
use super::frames::{GuestFrame, frame};
use super::json;
use crate::sandbox::{LogLine, Sandbox};

/// The name of an interface of this version.
pub(crate) fn interface(name: &str) -> String {
    format!("stopbath:plugin/{name}@0.1.0")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum PixelFormat {
    #[component(name = "gray8")]
    Gray8,
    #[component(name = "rgba8")]
    Rgba8,
    #[component(name = "rgba16")]
    Rgba16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct ImageInfo {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) format: PixelFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Rect {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(variant)]
pub(crate) enum Error {
    #[component(name = "invalid-params")]
    InvalidParams(String),
    #[component(name = "unsupported")]
    Unsupported(String),
    #[component(name = "bad-input")]
    BadInput(String),
    #[component(name = "internal")]
    Internal(String),
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make these")]
pub(crate) enum Resample {
    #[component(name = "nearest")]
    Nearest,
    #[component(name = "bilinear")]
    Bilinear,
    #[component(name = "catmull-rom")]
    CatmullRom,
    #[component(name = "lanczos3")]
    Lanczos3,
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make these")]
pub(crate) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make these")]
pub(crate) enum Kind {
    #[component(name = "filter")]
    Filter,
    #[component(name = "analyzer")]
    Analyzer,
    #[component(name = "decoder")]
    Decoder,
    #[component(name = "encoder")]
    Encoder,
}

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Hints {
    #[component(name = "fuel-base")]
    pub(crate) fuel_base: Option<u64>,
    #[component(name = "fuel-per-pixel")]
    pub(crate) fuel_per_pixel: Option<u64>,
    #[component(name = "memory-bytes")]
    pub(crate) memory_bytes: Option<u64>,
    #[component(name = "timeout-ms")]
    pub(crate) timeout_ms: Option<u32>,
}

#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) kind: Kind,
    pub(crate) description: String,
    #[component(name = "params-schema")]
    pub(crate) params_schema: String,
    pub(crate) banded: bool,
    #[component(name = "media-types")]
    pub(crate) media_types: Vec<String>,
    pub(crate) hints: Hints,
    #[component(name = "extra-json")]
    pub(crate) extra_json: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, message) = match error {
            Error::InvalidParams(message) => (FailureKind::InvalidParams, message),
            Error::Unsupported(message) => (FailureKind::Unsupported, message),
            Error::BadInput(message) => (FailureKind::BadInput, message),
            Error::Internal(message) => (FailureKind::Internal, message),
        };
        Self::new(kind, cut(&message))
    }
}

/// A guest's words, no longer than a person reads.
fn cut(text: &str) -> &str {
    const LONGEST: usize = 4096;
    &text[..text.floor_char_boundary(LONGEST)]
}

type Store<'a> = StoreContextMut<'a, Sandbox>;
/// An answer that the guest sees; the outer error ends the call.
type Answer<T> = wasmtime::Result<(Result<T, Error>,)>;

pub(crate) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    linker.instance(&interface("types"))?;
    add_frames(&mut linker.instance(&interface("frames"))?)?;
    add_host(&mut linker.instance(&interface("host"))?)
}

fn add_frames(frames: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    frames.resource("frame", ResourceType::host::<GuestFrame>(), |mut store, rep| {
        store
            .data_mut()
            .table
            .delete(Resource::<GuestFrame>::new_own(rep))?;
        Ok(())
    })?;
    frames.resource(
        "frame-builder",
        ResourceType::host::<Builder>(),
        |mut store, rep| {
            store.data_mut().table.delete(Resource::<Builder>::new_own(rep))?;
            Ok(())
        },
    )?;
    frames.func_wrap(
        "[method]frame.info",
        |store: Store<'_>, (this,): (Resource<GuestFrame>,)| Ok((store.data().table.get(&this)?.info(),)),
    )?;
    frames.func_wrap(
        "[method]frame.read",
        |mut store: Store<'_>, (this, region): (Resource<GuestFrame>, Rect)| -> Answer<Bytes> {
            let answer = store.data().table.get(&this)?.read(region);
            Ok((refuse(&mut store, answer),))
        },
    )?;
    frames.func_wrap(
        "[constructor]frame-builder",
        |mut store: Store<'_>, (info,): (ImageInfo,)| build(&mut store, info),
    )?;
    frames.func_wrap("[method]frame-builder.write", write)?;
    frames.func_wrap(
        "[static]frame-builder.finish",
        |mut store: Store<'_>, (builder,): (Resource<Builder>,)| finish(&mut store, builder),
    )?;
    frames.func_wrap(
        "resize",
        |mut store: Store<'_>,
         (source, width, height, filter): (Resource<GuestFrame>, u32, u32, Resample)| {
            let size = (u64::from(width) * u64::from(height)).saturating_mul(8);
            native(&mut store, &source, size, |f| {
                imaging::resize_frame(f, width, height, filter.into())
            })
        },
    )?;
    frames.func_wrap(
        "crop",
        |mut store: Store<'_>, (source, r): (Resource<GuestFrame>, Rect)| {
            let size = (u64::from(r.width) * u64::from(r.height)).saturating_mul(8);
            native(&mut store, &source, size, |f| {
                imaging::crop_frame(f, r.x, r.y, r.width, r.height)
            })
        },
    )?;
    frames.func_wrap(
        "convert",
        |mut store: Store<'_>, (source, format): (Resource<GuestFrame>, PixelFormat)| {
            let size = store.data().table.get(&source)?.0.pixel_count() * 8;
            native(&mut store, &source, size, |f| Ok(convert(f, format)))
        },
    )
}

fn build(store: &mut Store<'_>, info: ImageInfo) -> wasmtime::Result<(Resource<Builder>,)> {
    const MAX_SIDE: u32 = 65_535;
    let sandbox = store.data_mut();
    if info.width == 0 || info.height == 0 || info.width > MAX_SIDE || info.height > MAX_SIDE {
        let text = format!(
            "the plugin wants to make a frame of {}x{}; a side has 1 to {MAX_SIDE} pixels",
            info.width, info.height
        );
        return Err(sandbox.end(FailureKind::BadOutput, text));
    }
    sandbox.take_frame_bytes(info.byte_len())?;
    let builder = Builder::new(info).map_err(|error| {
        let text = format!(
            "there is no memory for a frame of {}x{}: {error}",
            info.width, info.height
        );
        sandbox.end(FailureKind::HostLimit, text)
    })?;
    Ok((push(sandbox, builder)?,))
}

/// The one copy that a write takes: from the guest's memory into the builder's.
fn write(
    mut store: Store<'_>,
    (this, region, pixels): (Resource<Builder>, Rect, WasmList<u8>),
) -> Answer<()> {
    let builder = store.data_mut().table.get_mut(&this)?;
    if let refused @ Err(_) = builder.check(region, pixels.len()) {
        return Ok((refuse(&mut store, refused),));
    }
    // The list borrows the whole store, so the builder steps out of it while it takes the bytes.
    let mut out = std::mem::replace(builder, Builder::empty());
    out.copy(region, pixels.as_le_slice(&store));
    *store.data_mut().table.get_mut(&this)? = out;
    Ok((Ok(()),))
}

/// Remembers what the host would not do: a guest that gives up over it has made a bad output.
fn refuse<T>(store: &mut Store<'_>, answer: Result<T, Error>) -> Result<T, Error> {
    if let Err(Error::Internal(why)) = &answer {
        store.data_mut().refused = Some(why.clone());
    }
    answer
}

fn finish(store: &mut Store<'_>, builder: Resource<Builder>) -> Answer<Resource<GuestFrame>> {
    let sandbox = store.data_mut();
    let builder = sandbox.table.delete(builder)?;
    if let Some(row) = builder.missing() {
        let height = builder.info.height;
        let text = if builder.is_scattered() {
            format!("row {row} of {height} was written in too many pieces; write whole rows")
        } else {
            format!("row {row} of {height} was not written when the plugin finished its frame")
        };
        return Err(sandbox.end(FailureKind::BadOutput, text));
    }
    let made = GuestFrame(frame(builder.info, builder.pixels.freeze()));
    Ok((Ok(push(sandbox, made)?),))
}

/// An operation of the host on a frame; `size` bounds the bytes that it makes. It costs fuel by the pixels on
/// both sides, or a guest could have the host work for nothing.
fn native(
    store: &mut Store<'_>,
    source: &Resource<GuestFrame>,
    size: u64,
    work: impl FnOnce(&imaging::Frame) -> Result<imaging::Frame, Failure>,
) -> Answer<Resource<GuestFrame>> {
    store.data_mut().take_frame_bytes(size)?;
    let pixels = store.data().table.get(source)?.0.pixel_count() + size / 8;
    let Some(left) = store.get_fuel()?.checked_sub(pixels) else {
        store.set_fuel(0)?;
        return Err(Trap::OutOfFuel.into());
    };
    store.set_fuel(left)?;
    let sandbox = store.data_mut();
    match work(&sandbox.table.get(source)?.0) {
        Ok(made) => Ok((Ok(push(sandbox, GuestFrame::new(made))?),)),
        Err(failure) => Ok((refuse(store, Err(Error::Internal(failure.message))),)),
    }
}

fn convert(source: &imaging::Frame, format: PixelFormat) -> imaging::Frame {
    match format {
        PixelFormat::Gray8 => imaging::colour::to_gray8(source),
        PixelFormat::Rgba8 => imaging::colour::to_rgba8(source),
        PixelFormat::Rgba16 => imaging::colour::to_rgba16(source),
    }
}

/// A full table is the guest's doing.
fn push<T: Send + 'static>(sandbox: &mut Sandbox, value: T) -> wasmtime::Result<Resource<T>> {
    let handles = sandbox.limits.handles;
    sandbox.table.push(value).map_err(|_| {
        sandbox.end(
            FailureKind::HostLimit,
            format!("the plugin holds more than {handles} frames at once; drop those that are done"),
        )
    })
}

fn add_host(host: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    type Line = (Level, String, Vec<(String, String)>);
    host.func_wrap("log", |mut store: Store<'_>, (level, message, fields): Line| {
        let level = format!("{level:?}").to_lowercase();
        store.data_mut().log(LogLine {
            level,
            message,
            fields,
        })
    })?;
    host.func_wrap("emit", |mut store: Store<'_>, (key, json): (String, String)| {
        store.data_mut().take_emit_bytes(key.len() + json.len())?;
        match json::parse(&json) {
            Ok(value) => {
                store.data_mut().emitted.push((key, value));
                Ok((Ok(()),))
            }
            Err(wrong) => {
                let why = format!("the value emitted as `{}` {wrong}", cut(&key));
                store.data_mut().refused = Some(why.clone());
                Ok((Err(why),))
            }
        }
    })
}

impl From<Resample> for Filter {
    fn from(resample: Resample) -> Self {
        match resample {
            Resample::Nearest => Self::Nearest,
            Resample::Bilinear => Self::Bilinear,
            Resample::CatmullRom => Self::CatmullRom,
            Resample::Lanczos3 => Self::Lanczos3,
        }
    }
}
