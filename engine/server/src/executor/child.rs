//! What runs in an executor process: confine itself, then answer one request after the other.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context, Result};
use plugin_host::{Host, HostConfig, MAX_COMPONENT};

use super::confine::confine;
use super::memory::Inbox;
use super::protocol::{Inspected, Request, Response, receive_request, send_response};
use crate::outcome::Outcome;
use crate::regular;
use crate::runner::{self, Plugins};
use workflow::failure::{Failure, FailureKind};

/// Started by the server only; the socket to it is the standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of compiled plugins.
    #[arg(long)]
    cache: PathBuf,
    /// Bytes of private writable memory that the process may have.
    #[arg(long)]
    memory: u64,
    /// Compile plugins; may write to the cache.
    #[arg(long)]
    compile: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let stdin: OwnedFd = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("take the socket")?;
    let socket = UnixStream::from(stdin);
    let plugins = Plugins::new(host(&args.cache, args.compile)?);
    confine(args.memory, args.compile)?;
    send_response(&socket, &Response::Ready)?;
    let mut inbox = Inbox::default();
    while let Some((request, memory)) = receive_request(&socket)? {
        let response = match request {
            Request::Inspect { path } => Response::Inspected(Box::new(inspect(&plugins, &path))),
            Request::Run { job, length } => match original(&mut inbox, memory.as_ref(), length) {
                Ok(original) => {
                    // Steps on several threads may have something to say.
                    let speaking = Mutex::new(());
                    let tell = |response: &Response| {
                        let _speaking = speaking.lock();
                        drop(send_response(&socket, response));
                    };
                    let say = |id: &str| tell(&Response::Step(id.to_owned()));
                    let keep = |kept| tell(&Response::Kept(Box::new(kept)));
                    Response::Done(Box::new(runner::watched(&job, &plugins, original, &say, &keep)))
                }
                Err(error) => Response::Done(Box::new(Outcome::failed(Failure::new(
                    FailureKind::Infrastructure,
                    format!("the original could not be read: {error}"),
                )))),
            },
        };
        answer(&socket, &response)?;
        inbox.tidy();
    }
    Ok(())
}

/// A report that is longer than a message may be is left out, rather than the process being lost over it.
fn answer(socket: &UnixStream, response: &Response) -> std::io::Result<()> {
    match send_response(socket, response) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            let text = format!("what the steps say of themselves is too long: {error}");
            let failure = Failure::new(FailureKind::HostLimit, text);
            send_response(socket, &Response::Done(Box::new(Outcome::failed(failure))))
        }
        sent => sent,
    }
}

/// The plugin host of this process, with the cache that its siblings share.
pub(crate) fn host(cache: &std::path::Path, cache_writes: bool) -> Result<Host> {
    let cache_key = crate::secret::load(cache)?;
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let config = HostConfig {
        cache_dir: Some(cache.to_owned()),
        cache_writes,
        cache_key,
        concurrency: cores,
        ..HostConfig::default()
    };
    Host::new(config).context("set up the plugin host")
}

fn inspect(plugins: &Plugins, path: &std::path::Path) -> Result<Inspected, String> {
    let bytes =
        regular::read(path, MAX_COMPONENT).map_err(|error| format!("it could not be read: {error}"))?;
    let plugin = plugins.host.load(&bytes).map_err(|error| error.to_string())?;
    Ok(Inspected {
        digest: plugin.digest().to_owned(),
        manifest: plugin.manifest().clone(),
    })
}

fn original<'a>(inbox: &'a mut Inbox, memory: Option<&File>, length: u64) -> std::io::Result<&'a [u8]> {
    if let Some(memory) = memory {
        inbox.renew(memory)?;
    }
    inbox.original(length)
}
