use super::*;

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

#[test]
fn an_address_is_a_folder_or_s3() {
    let folder = |url| Blobs::folder(url).map(FilePath::to_owned);
    assert_eq!(folder("/var/blobs"), Some("/var/blobs".into()));
    assert_eq!(folder("file:///var/blobs"), Some("/var/blobs".into()));
    assert_eq!(folder("s3://bucket/prefix"), None);
    let error = Blobs::open("gs://bucket/prefix").unwrap_err();
    assert!(error.to_string().contains("s3://BUCKET"), "{error}");
}
