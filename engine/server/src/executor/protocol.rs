//! Messages between the server and an executor over a Unix socket pair.
//!
//! A message is a 4-byte little-endian length and that much JSON; the original travels as a file
//! descriptor beside a request, renditions as raw bytes behind an outcome. The server trusts no length
//! that an executor sends: each has a cap.

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

use crate::outcome::{Outcome, Rendition};
use crate::runner::JobSpec;

/// No message is longer; a plan or a report takes a few kilobytes, analyses may take more.
const MAX_MESSAGE: usize = 64 << 20;
/// All renditions of one job together.
const MAX_RENDITIONS: u64 = 2 << 30;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Run a job; the original comes as a file descriptor.
    Run(Box<JobSpec>),
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
    Done(Box<Outcome>),
    Inspected(Box<Result<Inspected, String>>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inspected {
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
}

/// Sends a request, and the original with it.
pub(crate) fn send_request(
    socket: &UnixStream,
    request: &Request,
    original: Option<&File>,
) -> io::Result<()> {
    let body = encode(request)?;
    let Some(original) = original else {
        return write_message(socket, &body);
    };
    let fds = [original.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    let length = (body.len() as u32).to_le_bytes();
    // The descriptor rides on the length alone, so that it cannot be split from it.
    let sent = rustix::net::sendmsg(
        socket,
        &[IoSlice::new(&length)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    if sent != length.len() {
        return Err(io::Error::other("the executor's socket took half a message"));
    }
    (&mut &*socket).write_all(&body)
}

/// Waits for the next request; `None` when the server has gone.
pub(crate) fn receive_request(socket: &UnixStream) -> io::Result<Option<(Request, Option<File>)>> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut length)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    (&mut &*socket).read_exact(&mut length[received.bytes..])?;
    let original = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let request = decode(&read_body(socket, u32::from_le_bytes(length))?)?;
    Ok(Some((request, original.map(|fd: OwnedFd| File::from(fd)))))
}

/// Sends a response; the bytes of renditions follow it.
pub(crate) fn send_response(mut socket: &UnixStream, response: &Response) -> io::Result<()> {
    write_message(socket, &encode(response)?)?;
    if let Response::Done(outcome) = response {
        for rendition in outcome.renditions() {
            socket.write_all(&rendition.bytes)?;
        }
    }
    Ok(())
}

/// Waits for the next response; an error when the executor has gone or sends what no executor would.
pub(crate) fn receive_response(mut socket: impl Read) -> io::Result<Response> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut response: Response = decode(&read_body(&mut socket, u32::from_le_bytes(length))?)?;
    if let Response::Done(outcome) = &mut response {
        let total: u64 = outcome.renditions().iter().map(|r| r.length).sum();
        if total > MAX_RENDITIONS {
            return Err(invalid(&format!("renditions of {total} bytes")));
        }
        if let Ok(renditions) = &mut outcome.result {
            renditions
                .iter_mut()
                .try_for_each(|rendition| fill(&mut socket, rendition))?;
        }
    }
    Ok(response)
}

fn fill(socket: &mut impl Read, rendition: &mut Rendition) -> io::Result<()> {
    let mut bytes = Vec::new();
    socket.take(rendition.length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != rendition.length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    rendition.bytes = bytes.into();
    Ok(())
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    if body.len() > MAX_MESSAGE {
        return Err(invalid(&format!("a message of {} bytes", body.len())));
    }
    Ok(body)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(body)?)
}

fn write_message(mut socket: &UnixStream, body: &[u8]) -> io::Result<()> {
    let mut message = Vec::with_capacity(body.len() + 4);
    message.extend_from_slice(&(body.len() as u32).to_le_bytes());
    message.extend_from_slice(body);
    socket.write_all(&message)
}

fn read_body(socket: impl Read, length: u32) -> io::Result<Vec<u8>> {
    if length as usize > MAX_MESSAGE {
        return Err(invalid(&format!("a message of {length} bytes")));
    }
    let mut body = Vec::new();
    socket.take(u64::from(length)).read_to_end(&mut body)?;
    if body.len() != length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(body)
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
