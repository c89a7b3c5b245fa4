//! One call of a plugin: a new store and instance, every limit set, the result or a named failure.
//!
//! Nothing of a call is left for the next. Filters that map each pixel alone may run in horizontal bands,
//! an instance each; what they make does not depend on how many.

mod bands;
mod classify;

use std::time::{Duration, Instant};

use bytes::Bytes;
use imaging::Frame;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, Resource, TypedFunc,
};
use workflow::failure::{Failure, FailureKind};

use crate::abi::frames::GuestFrame;
use crate::abi::json;
use crate::abi::v1::Error;
use crate::engine::Host;
use crate::limits::Limits;
use crate::load::Plugin;
use crate::manifest::Kind;
use crate::sandbox::{self, LogLine, Sandbox, Until};
pub(crate) use classify::{Called, classify};

/// What goes with the input.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The step's `with:`.
    pub params_json: &'a str,
    pub limits: &'a Limits,
    /// Of the random numbers that the guest sees.
    pub seed: u64,
    /// The job's, where it comes before the call's own.
    pub deadline: Option<Instant>,
    /// At most so many instances at once, for banded filters.
    pub bands: u32,
}

/// What a call used, also when it failed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CallReport {
    pub wall: Duration,
    pub fuel: u64,
    /// Peak of linear memory in bytes; the largest of the bands.
    pub peak_memory: u64,
    pub bands: u32,
    /// Linear memory of all bands together.
    #[serde(skip)]
    memory: u64,
    /// Pixels that the host made, in bytes.
    #[serde(skip)]
    frame_bytes: u64,
    pub logs: Vec<LogLine>,
    pub emitted: Vec<(String, Value)>,
}

type FrameResult = (Result<Resource<GuestFrame>, Error>,);
type Outcome<T> = (CallReport, Result<T, Failure>);

impl Host {
    pub fn filter(&self, plugin: &Plugin, source: Frame, call: &Call<'_>) -> Outcome<Frame> {
        let begun = Instant::now();
        let source = GuestFrame::new(source);
        // A band should be worth its instance.
        let bands = if plugin.manifest().banded {
            call.bands.min(source.0.height / 64).max(1)
        } else {
            1
        };
        if bands > 1 {
            let (report, result) = self.filter_bands(plugin, &source, call, bands);
            // Bands may only make it quicker: unless all went well within what a single call may spend, and
            // nothing was said that a single call says once, the verdict is that of a single call.
            if result.is_ok() && report.is_within(call.limits, source.0.pixel_count()) {
                let wall = begun.elapsed();
                return (
                    CallReport {
                        wall,
                        bands,
                        ..report
                    },
                    result,
                );
            }
        }
        let (report, result) = self.filter_whole(plugin, source, call);
        let wall = begun.elapsed();
        (CallReport { wall, ..report }, result)
    }

    fn filter_whole(&self, plugin: &Plugin, source: GuestFrame, call: &Call<'_>) -> Outcome<Frame> {
        let pixels = source.0.pixel_count();
        self.enter(plugin, call, pixels, |guest| {
            let source = guest.give(source)?;
            let (made,): FrameResult = guest.call((source, call.params_json))?;
            guest.take(made)
        })
    }

    /// The analyzer's JSON.
    pub fn analyze(&self, plugin: &Plugin, source: Frame, call: &Call<'_>) -> Outcome<Value> {
        let source = GuestFrame::new(source);
        let pixels = source.0.pixel_count();
        self.enter(plugin, call, pixels, |guest| {
            let source = guest.give(source)?;
            let (json,): (Result<String, Error>,) = guest.call((source, call.params_json))?;
            let json = json.map_err(|error| Called::Said(error.into()))?;
            check_output(json.len(), guest.limits().analysis_bytes)?;
            json::parse(&json).map_err(|wrong| {
                let text = format!("the analyzer's result {wrong}");
                Called::Said(Failure::new(FailureKind::BadOutput, text))
            })
        })
    }

    pub fn decode(&self, plugin: &Plugin, input: &[u8], call: &Call<'_>) -> Outcome<Frame> {
        // The size of the picture is not known yet, so its bytes count as pixels.
        self.enter(plugin, call, input.len() as u64, |guest| {
            guest.probe(plugin, input)?;
            let (made,): FrameResult = guest.call((input, call.params_json))?;
            guest.take(made)
        })
    }

    pub fn encode(&self, plugin: &Plugin, source: Frame, call: &Call<'_>) -> Outcome<Vec<u8>> {
        let source = GuestFrame::new(source);
        let pixels = source.0.pixel_count();
        self.enter(plugin, call, pixels, |guest| {
            let source = guest.give(source)?;
            let (bytes,): (Result<Bytes, Error>,) = guest.call((source, call.params_json))?;
            let bytes = bytes.map_err(|error| Called::Said(error.into()))?;
            check_output(bytes.len(), guest.limits().output_bytes)?;
            Ok(Vec::from(bytes))
        })
    }

    /// A new store and instance, `work` in it, and what it used.
    fn enter<T>(
        &self,
        plugin: &Plugin,
        call: &Call<'_>,
        pixels: u64,
        work: impl FnOnce(&mut Guest<'_>) -> Result<T, Called>,
    ) -> Outcome<T> {
        // The wait for a place is not the plugin's time.
        let _permit = self.permits.take();
        let begun = Instant::now();
        let limits = Limits {
            memory: call.limits.memory.min(self.max_memory),
            ..call.limits.clone()
        };
        let own = begun + limits.timeout;
        let deadline = call.deadline.map_or(own, |job| job.min(own));
        let budget = limits.fuel(pixels);
        let until = Until {
            deadline,
            own: deadline == own,
        };
        let mut store = sandbox::store(&self.engine, &limits, budget, call.seed, until);
        let result = plugin
            .pre
            .instantiate(&mut store)
            .map_err(Called::Engine)
            .and_then(|instance| {
                work(&mut Guest {
                    store: &mut store,
                    instance,
                    function: &plugin.function,
                    kind: plugin.manifest().kind,
                })
            });
        let fuel = budget - store.get_fuel().unwrap_or(0).min(budget);
        let result = result.map_err(|called| called.into_failure(store.data()));
        let sandbox = store.into_data();
        let report = CallReport {
            wall: begun.elapsed(),
            fuel,
            peak_memory: sandbox.limiter.peak_memory,
            bands: 1,
            memory: sandbox.limiter.peak_memory,
            frame_bytes: sandbox.frame_bytes,
            logs: sandbox.logs,
            emitted: sandbox.emitted,
        };
        (report, result)
    }
}

/// The inside of one call.
struct Guest<'a> {
    store: &'a mut Store<Sandbox>,
    instance: Instance,
    function: &'a ComponentExportIndex,
    kind: Kind,
}

impl Guest<'_> {
    fn give(&mut self, source: GuestFrame) -> Result<Resource<GuestFrame>, Called> {
        self.store
            .data_mut()
            .table
            .push(source)
            .map_err(|error| Called::Engine(error.into()))
    }

    fn call<P, R>(&mut self, params: P) -> Result<R, Called>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + 'static,
    {
        let function = typed::<P, R>(self.store, &self.instance, self.function, self.kind)?;
        function.call(&mut *self.store, params).map_err(Called::Engine)
    }

    /// A decoder says first whether the file is of its kind.
    fn probe(&mut self, plugin: &Plugin, input: &[u8]) -> Result<(), Called> {
        let head = &input[..input.len().min(HEAD)];
        let index = plugin.probe().ok_or_else(|| Called::missing("probe"))?;
        let probe = typed_probe(self.store, &self.instance, &index)?;
        let (known,) = probe.call(&mut *self.store, (head,)).map_err(Called::Engine)?;
        if known {
            return Ok(());
        }
        let text = format!(
            "the plugin {} does not read files of this kind",
            plugin.manifest().name
        );
        Err(Called::Said(Failure::new(FailureKind::Unsupported, text)))
    }

    /// The frame behind a handle that the guest gave back.
    fn take(&mut self, made: Result<Resource<GuestFrame>, Error>) -> Result<Frame, Called> {
        let handle = made.map_err(|error| Called::Said(error.into()))?;
        let made = self
            .store
            .data_mut()
            .table
            .delete(handle)
            .map_err(|error| Called::Engine(error.into()))?;
        Ok(made.0)
    }

    fn limits(&self) -> &Limits {
        &self.store.data().limits
    }
}

fn check_output(bytes: usize, limit: u64) -> Result<(), Called> {
    if bytes as u64 <= limit {
        return Ok(());
    }
    let text = format!("the plugin gave back {bytes} bytes; {limit} are allowed");
    Err(Called::Said(Failure::new(FailureKind::HostLimit, text)))
}

/// As much of a file as `probe` sees.
const HEAD: usize = 4096;

fn typed_probe<'a>(
    store: &mut Store<Sandbox>,
    instance: &Instance,
    probe: &ComponentExportIndex,
) -> Result<TypedFunc<(&'a [u8],), (bool,)>, Called> {
    instance
        .get_typed_func(store, probe)
        .map_err(|error| Called::shape("probe", &error))
}

fn typed<P, R>(
    store: &mut Store<Sandbox>,
    instance: &Instance,
    function: &ComponentExportIndex,
    kind: Kind,
) -> Result<TypedFunc<P, R>, Called>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance
        .get_typed_func::<P, R>(store, function)
        .map_err(|error| Called::shape(kind.export().1, &error))
}

/// Whether the plugin's function has the types of the contract, without calling it.
pub(crate) fn check_shape(
    store: &mut Store<Sandbox>,
    instance: &Instance,
    function: &ComponentExportIndex,
    kind: Kind,
    probe: Option<ComponentExportIndex>,
) -> Result<(), Called> {
    type FrameAndParams<'a> = (Resource<GuestFrame>, &'a str);
    match kind {
        Kind::Filter => typed::<FrameAndParams<'_>, FrameResult>(store, instance, function, kind).map(drop),
        Kind::Analyzer => {
            typed::<FrameAndParams<'_>, (Result<String, Error>,)>(store, instance, function, kind).map(drop)
        }
        Kind::Decoder => {
            let index = probe.ok_or_else(|| Called::missing("probe"))?;
            typed_probe(store, instance, &index)?;
            typed::<(&[u8], &str), FrameResult>(store, instance, function, kind).map(drop)
        }
        Kind::Encoder => {
            typed::<FrameAndParams<'_>, (Result<Bytes, Error>,)>(store, instance, function, kind).map(drop)
        }
    }
}
