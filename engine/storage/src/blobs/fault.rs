//! What an error of the blob store means: to be tried again, no room, or a setting to mend.

use std::error::Error as StdError;
use std::io;

use object_store::Error;
use workflow::ports::{StoreError, Stored};

/// Blobs cannot be kept there, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{place} cannot be used: {advice} ({error})")]
pub struct Unusable {
    place: String,
    advice: &'static str,
    error: String,
}

impl Unusable {
    pub(super) fn new(place: &str, error: &Error) -> Self {
        Self {
            place: place.to_owned(),
            advice: advice(error),
            error: error.to_string(),
        }
    }
}

fn advice(error: &Error) -> &'static str {
    let text = error.to_string();
    if no_bucket(&text) {
        return "there is no such bucket; make it, or name another one";
    }
    // Asked for keys when nobody else gave any.
    if text.contains("169.254.169.254") {
        return "there are no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    }
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            "its keys do not allow to write, read, list and delete there; look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
             what that user may do"
        }
        _ => "it does not answer as it should; look at `endpoint` and `region`, and whether it runs",
    }
}

/// A blob that is not there. A bucket that is not there says nothing of blobs.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && !no_bucket(&error.to_string())
}

/// `None` for a blob that is not there.
pub(super) fn if_there<T>(asked: Result<T, Error>) -> Stored<Option<T>> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn no_bucket(text: &str) -> bool {
    text.contains("NoSuchBucket")
}

pub(super) fn unavailable(message: String) -> StoreError {
    StoreError::Unavailable {
        message,
        // Content-addressed: to do it again is harmless.
        maybe_done: false,
    }
}

pub(super) fn failed(error: &Error) -> StoreError {
    if no_room(error) {
        return StoreError::Full(error.to_string());
    }
    unavailable(format!("blobs: {error}"))
}

/// A full disk, or an S3-compatible store that says so: by its status, or by a code with another one.
pub(super) fn no_room(error: &Error) -> bool {
    let text = error.to_string();
    let said = ["507 Insufficient Storage", "QuotaExceeded", "StorageFull"];
    disk_full(error) || said.iter().any(|words| text.contains(words))
}

fn disk_full(error: &Error) -> bool {
    let mut source: Option<&dyn StdError> = Some(error);
    while let Some(error) = source {
        let full = error.downcast_ref::<io::Error>().is_some_and(|e| {
            matches!(
                e.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        });
        if full {
            return true;
        }
        source = error.source();
    }
    false
}
