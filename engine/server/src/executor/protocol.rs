//! Messages between the server and an executor over a Unix socket pair.
//!
//! A message is a 4-byte little-endian length and that much JSON. The original lies in shared memory, whose
//! file descriptor travels beside the first request that uses it; renditions are raw bytes behind an
//! outcome. The server trusts no length that an executor sends: each has a cap.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use plugin_host::Manifest;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use workflow::failure::Failure;

use crate::outcome::{Kept, Outcome};
use crate::runner::JobSpec;

/// No message is longer; a plan or a report takes a few kilobytes, analyses may take more.
const MAX_MESSAGE: usize = 16 << 20;
/// All renditions of one job together.
const MAX_RENDITIONS: u64 = 2 << 30;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Run a job on so many bytes of the shared memory; a file descriptor beside it is new memory.
    Run { job: Box<JobSpec>, length: u64 },
    /// Compile a plugin and say what it is.
    Inspect { path: PathBuf },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    /// The executor is confined and ready.
    Ready,
    /// The steps and renditions that run now, `, ` between them: should the process die, these are the ones to blame.
    /// Empty where none does.
    Step(String),
    /// What a step made, where the job asks for it; its bytes follow.
    Kept(Box<Kept>),
    Done(Box<Outcome>),
    Inspected(Box<Result<Inspected, String>>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inspected {
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
}

/// Sends a request, and new memory with it.
pub(crate) fn send_request(socket: &UnixStream, request: &Request, memory: Option<&File>) -> io::Result<()> {
    let message = encode(request)?;
    let Some(memory) = memory else {
        return (&mut &*socket).write_all(&message);
    };
    let fds = [memory.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    let sent = rustix::net::sendmsg(
        socket,
        &[IoSlice::new(&message)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    (&mut &*socket).write_all(&message[sent..])
}

/// Waits for the next request; `None` when the server has gone.
///
/// The server sends nothing ahead, so all that has come belongs to this request.
pub(crate) fn receive_request(socket: &UnixStream) -> io::Result<Option<(Request, Option<File>)>> {
    let mut begin = [0; 16 << 10];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut begin)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let memory = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let request = receive(&mut (&begin[..received.bytes]).chain(socket))?;
    Ok(Some((request, memory.map(|fd: OwnedFd| File::from(fd)))))
}

/// Sends a response; the bytes of renditions or of what is kept follow it.
pub(crate) fn send_response(mut socket: &UnixStream, response: &Response) -> io::Result<()> {
    socket.write_all(&encode(response)?)?;
    match response {
        Response::Done(outcome) => {
            for rendition in outcome.renditions() {
                socket.write_all(&rendition.bytes)?;
            }
        }
        Response::Kept(kept) => socket.write_all(&kept.bytes)?,
        _ => {}
    }
    Ok(())
}

/// Waits for the next response; an error when the executor has gone or sends what no executor would.
pub(crate) fn receive_response(mut socket: impl Read) -> io::Result<Response> {
    let mut response: Response = receive(&mut socket)?;
    match &mut response {
        Response::Done(outcome) => {
            let total: u64 = outcome.renditions().iter().map(|r| r.length).sum();
            if total > MAX_RENDITIONS {
                return Err(invalid(&format!("renditions of {total} bytes")));
            }
            if let Ok(renditions) = &mut outcome.result {
                for rendition in renditions {
                    rendition.bytes = read(&mut socket, rendition.length)?.into();
                }
            }
        }
        Response::Kept(kept) => {
            if kept.length > MAX_RENDITIONS {
                return Err(invalid(&format!("a step's result of {} bytes", kept.length)));
            }
            kept.bytes = read(&mut socket, kept.length)?.into();
        }
        _ => {}
    }
    Ok(response)
}

/// Length and body as one piece, to be written at once.
fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - 4;
    if length > MAX_MESSAGE {
        return Err(invalid(&format!("a message of {length} bytes")));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

fn receive<T: DeserializeOwned>(socket: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length as usize > MAX_MESSAGE {
        return Err(invalid(&format!("a message of {length} bytes")));
    }
    Ok(serde_json::from_slice(&read(socket, length.into())?)?)
}

/// Memory grows with what really comes, whatever was announced.
fn read(socket: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    const AT_ONCE: u64 = 1 << 20;
    let mut bytes = Vec::with_capacity(length.min(AT_ONCE) as usize);
    socket.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what} is more than the protocol allows"),
    )
}

/// How an executor that sent nonsense is reported.
pub(crate) fn broken(error: &io::Error) -> Failure {
    Failure::new(
        workflow::failure::FailureKind::Crash,
        format!("the executor's answer could not be read: {error}"),
    )
}
