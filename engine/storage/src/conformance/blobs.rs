//! What every place for blobs must do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use workflow::ports::{Blob, StoreError};

use crate::blobs::{Blobs, Mark, blob, digest};

/// Clocks of two machines, and a listing that counts in whole seconds.
const CLOCKS_DIFFER: i64 = 60_000;

async fn put(blobs: &Blobs, bytes: impl Into<Bytes>) -> Blob {
    let bytes = bytes.into();
    let blob = blob(&bytes);
    blobs.put(&blob, bytes).await.unwrap();
    blob
}

async fn there(blobs: &Blobs, blob: &Blob) -> Bytes {
    blobs.get(blob).await.unwrap().expect("the blob to be there")
}

fn first_byte(digest: &str) -> u8 {
    u8::from_str_radix(&digest[..2], 16).unwrap()
}

/// Bytes that do not compress and do not repeat.
fn noise(length: usize) -> Bytes {
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

pub async fn a_usable_place_is_found_usable(blobs: Blobs) {
    blobs.check().await.unwrap();
    blobs.check().await.unwrap();
}

pub async fn what_was_put_is_there_until_it_is_deleted(blobs: Blobs) {
    let blob = put(&blobs, "some bytes").await;
    assert_eq!(there(&blobs, &blob).await, "some bytes");
    assert!(blobs.has(&blob).await.unwrap());
    blobs.delete(&blob.digest).await.unwrap();
    assert_eq!(blobs.get(&blob).await.unwrap(), None);
    assert!(!blobs.has(&blob).await.unwrap());
    put(&blobs, "some bytes").await;
    assert_eq!(there(&blobs, &blob).await, "some bytes");
}

pub async fn the_same_bytes_may_be_put_again(blobs: Blobs) {
    let blob = put(&blobs, "some bytes").await;
    assert_eq!(put(&blobs, "some bytes").await, blob);
    let listed = blobs.list(first_byte(&blob.digest)).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(there(&blobs, &blob).await, "some bytes");
}

pub async fn a_missing_blob_is_none(blobs: Blobs) {
    let missing = blob(b"never put");
    assert_eq!(blobs.get(&missing).await.unwrap(), None);
    assert!(!blobs.has(&missing).await.unwrap());
    blobs.delete(&missing.digest).await.unwrap();
}

pub async fn altered_bytes_are_an_error(blobs: Blobs) {
    let blob = put(&blobs, "some bytes").await;
    for altered in ["SOME bytes", "some", "some bytes and more", ""] {
        blobs.plant(&blob.digest, Bytes::from(altered)).await.unwrap();
        let error = blobs.get(&blob).await.unwrap_err();
        assert!(matches!(error, StoreError::Broken(_)), "{altered}: {error}");
        assert!(error.to_string().contains(&blob.digest), "{error}");
    }
    put(&blobs, "some bytes").await;
    assert_eq!(there(&blobs, &blob).await, "some bytes");
}

pub async fn blobs_are_listed_by_their_first_byte(blobs: Blobs) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut put_ones = Vec::new();
    for n in 0..64 {
        put_ones.push(put(&blobs, format!("blob {n}")).await.digest);
    }
    put_ones.sort();
    let first = first_byte(&put_ones[0]);
    let mut expected = put_ones.clone();
    expected.retain(|digest| first_byte(digest) == first);
    let mut listed = blobs.list(first).await.unwrap();
    listed.sort_by(|a, b| a.digest.cmp(&b.digest));
    for one in &listed {
        let age = (one.written_at - now).abs();
        assert!(age < CLOCKS_DIFFER, "written {age} ms from now: {one:?}");
    }
    let digests: Vec<_> = listed.into_iter().map(|one| one.digest).collect();
    assert_eq!(digests, expected);
    let empty = (0..=255).find(|byte| put_ones.iter().all(|digest| first_byte(digest) != *byte));
    assert_eq!(blobs.list(empty.unwrap()).await.unwrap(), []);
}

pub async fn it_is_told_when_a_blob_was_put_last(blobs: Blobs) {
    let missing = digest(b"never put");
    assert_eq!(blobs.written_at(&missing).await.unwrap(), None);
    let put_once = put(&blobs, "some bytes").await;
    let first = blobs.written_at(&put_once.digest).await.unwrap().unwrap();
    let listed = blobs.list(first_byte(&put_once.digest)).await.unwrap();
    assert!(
        (listed[0].written_at - first).abs() <= 1_000,
        "{listed:?}, {first}"
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let age = (first - now).abs();
    assert!(age < CLOCKS_DIFFER, "written {age} ms from now");
    // Each time it is put counts, also where whole seconds are counted.
    let mut again = first;
    for _ in 0..200 {
        put(&blobs, "some bytes").await;
        again = blobs.written_at(&put_once.digest).await.unwrap().unwrap();
        if again > first {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(again > first, "{again} is not later than {first}");
}

pub async fn the_mark_is_kept_beside_the_blobs(blobs: Blobs) {
    assert_eq!(blobs.mark().await.unwrap(), None);
    for starts in 1..4 {
        let mark = Mark {
            store: "some database".to_owned(),
            starts,
        };
        blobs.set_mark(&mark).await.unwrap();
        assert_eq!(blobs.mark().await.unwrap(), Some(mark));
    }
    for first in 0..=255 {
        assert_eq!(blobs.list(first).await.unwrap(), []);
    }
}

pub async fn an_empty_blob_is_kept(blobs: Blobs) {
    let blob = put(&blobs, "").await;
    assert_eq!(blob.length, 0);
    assert_eq!(there(&blobs, &blob).await, "");
    assert!(blobs.has(&blob).await.unwrap());
}

pub async fn a_large_blob_is_kept(blobs: Blobs) {
    let bytes = noise(20 << 20);
    let blob = put(&blobs, bytes.clone()).await;
    assert!(there(&blobs, &blob).await == bytes, "other bytes came back");
}

pub async fn many_may_put_the_same_bytes_at_once(blobs: Blobs) {
    let bytes = noise(100_000);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (blobs, bytes) = (blobs.clone(), bytes.clone());
            tokio::spawn(async move {
                let blob = put(&blobs, bytes.clone()).await;
                assert!(there(&blobs, &blob).await == bytes, "other bytes came back");
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let listed = blobs.list(first_byte(&digest(&bytes))).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
}

pub async fn nothing_but_digests_is_a_name(blobs: Blobs) {
    let (upper, other) = ("A".repeat(64), "g".repeat(64));
    let long = "a".repeat(65);
    for bad in ["", "ab", "../../etc/passwd", "probe", &upper, &other, &long] {
        let odd = Blob {
            digest: bad.to_owned(),
            length: 1,
        };
        for error in [
            blobs.get(&odd).await.unwrap_err(),
            blobs.has(&odd).await.unwrap_err(),
            blobs.delete(bad).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Broken(_)), "{bad}: {error}");
        }
    }
}

pub async fn components_are_kept_apart(blobs: Blobs) {
    // Any digest will do.
    let name = digest(b"a component");
    assert_eq!(blobs.get_component(&name).await.unwrap(), None);
    assert_eq!(blobs.component_length(&name).await.unwrap(), None);
    for bytes in ["first", "the second"] {
        blobs.put_component(&name, Bytes::from(bytes)).await.unwrap();
        assert_eq!(blobs.get_component(&name).await.unwrap().unwrap(), bytes);
        let length = blobs.component_length(&name).await.unwrap();
        assert_eq!(length, Some(bytes.len() as u64));
    }
    assert!(blobs.list(first_byte(&name)).await.unwrap().is_empty());
    for wrong in ["", "../../etc/passwd", "ABCD"] {
        blobs.get_component(wrong).await.unwrap_err();
        blobs.put_component(wrong, Bytes::new()).await.unwrap_err();
    }
}
