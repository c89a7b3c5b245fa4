//! Signatures after the Standard Webhooks specification, version 1.0: HMAC-SHA256 over `id.timestamp.body`.
//!
//! A secret is `whsec_` and base64 of 24 to 64 bytes. While one is being replaced, both sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// Bytes of a new secret.
const LENGTH: usize = 32;

/// A secret that nobody knows yet.
pub(crate) fn new_secret() -> anyhow::Result<String> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The header `webhook-signature`: one signature for each secret. `timestamp` is in seconds since 1970.
pub(crate) fn signatures(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> String {
    let each = secrets
        .iter()
        .filter_map(|secret| sign(secret, id, timestamp, body));
    each.collect::<Vec<_>>().join(" ")
}

/// `None` if the secret is none.
fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's libraries test with.
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_example_is_signed_as_published() {
        assert_eq!(signatures(&[SECRET.to_owned()], ID, TIME, BODY), SIGNATURE);
    }

    #[test]
    fn every_valid_secret_signs() {
        let new = new_secret().unwrap();
        let both = signatures(&[new.clone(), SECRET.to_owned()], ID, TIME, BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signatures(&[new], ID, TIME, BODY));
        assert_eq!(second, SIGNATURE);
        assert_eq!(signatures(&["no secret".to_owned()], ID, TIME, BODY), "");
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let secret = new_secret().unwrap();
        let bytes = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap()).unwrap();
        assert!((24..=64).contains(&bytes.len()));
        assert_ne!(secret, new_secret().unwrap());
    }
}
