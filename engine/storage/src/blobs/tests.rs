use super::*;

async fn put(blobs: &Blobs, bytes: &'static [u8]) -> Blob {
    let blob = blob(bytes);
    blobs.put(&blob, Bytes::from_static(bytes)).await.unwrap();
    blob
}

#[tokio::test]
async fn what_was_put_is_there_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::directory(folder.path()).unwrap();
    let blob = put(&blobs, b"some bytes").await;
    put(&blobs, b"some bytes").await;
    assert_eq!(blobs.get(&blob).await.unwrap().unwrap(), "some bytes");
    let first = u8::from_str_radix(&blob.digest[..2], 16).unwrap();
    assert_eq!(blobs.list(first).await.unwrap()[0].digest, blob.digest);
    assert_eq!(blobs.list(first.wrapping_add(1)).await.unwrap(), []);
    blobs.delete(&blob.digest).await.unwrap();
    blobs.delete(&blob.digest).await.unwrap();
    assert_eq!(blobs.get(&blob).await.unwrap(), None);
}

#[tokio::test]
async fn altered_bytes_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::directory(folder.path()).unwrap();
    for altered in [&b"SOME bytes"[..], b"some"] {
        let blob = put(&blobs, b"some bytes").await;
        let path = folder.path().join(&blob.digest[..2]).join(&blob.digest);
        std::fs::write(path, altered).unwrap();
        let error = blobs.get(&blob).await.unwrap_err();
        assert!(matches!(error, StoreError::Broken(_)), "{error}");
    }
}

#[tokio::test]
async fn half_written_files_do_not_outlive_their_process() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("ab").join("abcd#1");
    std::fs::create_dir_all(half.parent().unwrap()).unwrap();
    std::fs::write(&half, b"half").unwrap();
    let first = Blobs::directory(folder.path()).unwrap();
    assert!(!half.exists());
    std::fs::write(&half, b"half").unwrap();
    let _second = Blobs::directory(folder.path()).unwrap();
    assert!(half.exists(), "the first one may be writing it");
    drop(first);
}

#[tokio::test]
async fn nothing_but_digests_becomes_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::directory(folder.path()).unwrap();
    for bad in ["", "ab", "../../etc/passwd", &"G".repeat(64), &"A".repeat(64)] {
        assert!(blobs.delete(bad).await.is_err(), "{bad}");
    }
}
