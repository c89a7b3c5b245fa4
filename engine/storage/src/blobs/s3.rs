//! An S3-compatible store, by an address such as `s3://BUCKET/PREFIX?endpoint=http://127.0.0.1:9000&region=garage`.
//!
//! What is no secret may stand in the address; keys come from the environment (`AWS_ACCESS_KEY_ID` and the like), and
//! so may everything else. Where both say something, the address counts. A blob is put in one request, so it has at
//! most 5 GB.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};

/// A store that does not answer for so long is unreachable.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest that one request may take, however well it goes on.
const LONGEST: Duration = Duration::from_mins(5);

pub(super) struct Opened {
    pub(super) store: AmazonS3,
    pub(super) prefix: Path,
    /// The address without its options.
    pub(super) place: String,
}

/// What follows `s3://`. The error never repeats what may be a secret.
pub(super) fn open(rest: &str) -> Result<Opened, String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if !is_bucket(bucket) {
        return Err(
            "a bucket's name follows `s3://`, of letters, digits, `.`, `-` and `_`; keys belong in \
                    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned(),
        );
    }
    let place = format!("s3://{place}");
    let built = configured(bucket, query).and_then(|builder| builder.build().map_err(|e| e.to_string()));
    Ok(Opened {
        store: built.map_err(|error| format!("{place} cannot be used: {error}"))?,
        prefix: Path::from(prefix),
        place,
    })
}

fn is_bucket(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(fits)
}

fn configured(bucket: &str, query: &str) -> Result<AmazonS3Builder, String> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        // One by one is what every S3-compatible store knows.
        .with_disable_bulk_delete(true);
    let mut patience = PATIENCE;
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        builder = match name {
            "endpoint" => with_endpoint(builder, value),
            "region" => builder.with_region(value),
            "virtual_host" => builder.with_config(AmazonS3ConfigKey::VirtualHostedStyleRequest, value),
            "skip_signature" => builder.with_config(AmazonS3ConfigKey::SkipSignature, value),
            "timeout" => {
                patience = seconds(value)?;
                builder
            }
            _ => return Err(unknown(name)),
        };
    }
    Ok(patient(builder, patience))
}

fn with_endpoint(builder: AmazonS3Builder, endpoint: &str) -> AmazonS3Builder {
    let builder = if endpoint.starts_with("http://") {
        builder.with_allow_http(true)
    } else {
        builder
    };
    // Of all the names for it this one counts most.
    builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(n @ 1..=300) => Ok(Duration::from_secs(n)),
        _ => Err("`timeout` is a whole number of seconds from 1 to 300".to_owned()),
    }
}

fn unknown(name: &str) -> String {
    format!(
        "`{}` is no option; there are `endpoint`, `region`, `virtual_host`, `skip_signature` and `timeout`, and keys \
         belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        workflow::words::clip(name)
    )
}

/// An outage is bridged while that is short, and told as one before callers lose patience.
fn patient(builder: AmazonS3Builder, patience: Duration) -> AmazonS3Builder {
    let limits = [
        (ClientConfigKey::ConnectTimeout, patience / 5),
        (ClientConfigKey::ReadTimeout, patience),
        (ClientConfigKey::Timeout, LONGEST),
    ];
    let builder = limits.into_iter().fold(builder, |builder, (key, limit)| {
        builder.with_config(AmazonS3ConfigKey::Client(key), format!("{}ms", limit.as_millis()))
    });
    builder.with_retry(RetryConfig {
        max_retries: 20,
        retry_timeout: patience * 2 / 3,
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a client, which would want TLS.
    fn error(rest: &str) -> String {
        open(rest).err().expect("an address that is refused")
    }

    #[test]
    fn options_are_read_and_the_address_counts() {
        let query =
            "endpoint=http://127.0.0.1:9000&region=garage&virtual_host=true&skip_signature=true&timeout=30";
        let builder = configured("photos", query).unwrap();
        let value = |key| builder.get_config_value(&key).unwrap();
        assert_eq!(value(AmazonS3ConfigKey::S3Endpoint), "http://127.0.0.1:9000");
        assert_eq!(value(AmazonS3ConfigKey::Region), "garage");
        assert_eq!(value(AmazonS3ConfigKey::VirtualHostedStyleRequest), "true");
        assert_eq!(value(AmazonS3ConfigKey::SkipSignature), "true");
        let client = |key| value(AmazonS3ConfigKey::Client(key));
        assert_eq!(client(ClientConfigKey::AllowHttp), "true");
        assert_eq!(client(ClientConfigKey::ReadTimeout), "30000ms");
        assert_eq!(client(ClientConfigKey::ConnectTimeout), "6000ms");
    }

    #[test]
    fn wrong_addresses_are_explained_and_no_secret_is_repeated() {
        for bad in ["", "/prefix", "?region=x", "key:secret@photos/prefix"] {
            let error = error(bad);
            assert!(error.contains("bucket") && !error.contains("secret@"), "{error}");
        }
        let mistyped = error("photos/a?regoin=x");
        assert!(
            mistyped.contains("s3://photos/a ") && mistyped.contains("`regoin`"),
            "{mistyped}"
        );
        assert!(mistyped.contains("`region`"), "{mistyped}");
        let key = error("photos?secret_access_key=hush");
        assert!(
            key.contains("AWS_SECRET_ACCESS_KEY") && !key.contains("hush"),
            "{key}"
        );
        for bad in ["0", "-1", "1.5", "soon", "301", ""] {
            assert!(error(&format!("photos?timeout={bad}")).contains("from 1 to 300"));
        }
    }
}
