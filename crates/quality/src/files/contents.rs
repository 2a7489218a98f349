//! Which files hold the same: by size, by what the store says, and by digest where that is not enough.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::Result;

use super::{DigestAlgorithm, FileFacts, FileListing};

/// Files that are read at once: enough to keep a line busy, few enough to stay within small memory and be polite to a disk.
const AT_ONCE: usize = 4;

/// What tells one content from another: the same for two files exactly when they hold the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// No other file has this size.
    Size(u64),
    /// All files of this size have this ETag, which is the MD5 of an object that was sent in one piece.
    Tag(u64, String),
    /// Its digest.
    Digest(String),
}

/// The content of each file, in their order. Only files of equal size whose ETags differ or are not digests are read.
pub(super) async fn contents(files: &[&FileFacts], listing: &dyn FileListing) -> Result<Vec<Content>> {
    let mut by_size: HashMap<u64, Vec<&FileFacts>> = HashMap::new();
    for file in files {
        by_size.entry(file.bytes).or_default().push(file);
    }
    let told_apart = |file: &FileFacts| match by_size.get(&file.bytes).map(Vec::as_slice) {
        None | Some([_]) => Some(Content::Size(file.bytes)),
        Some(_) if file.bytes == 0 => Some(Content::Size(0)),
        Some(same_size) => {
            let tags: HashSet<Option<&str>> = same_size.iter().map(|file| digest_tag(file)).collect();
            let only = if tags.len() == 1 { tags.into_iter().next().flatten() } else { None };
            only.map(|tag| Content::Tag(file.bytes, tag.to_owned()))
        }
    };
    let known: Vec<Option<Content>> = files.iter().map(|file| told_apart(file)).collect();
    let unknown: Vec<&FileFacts> =
        files.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(file, _)| *file).collect();
    let mut digests = digests(&unknown, DigestAlgorithm::Sha256, listing).await?.into_iter();
    Ok(known
        .into_iter()
        .map(|known| known.unwrap_or_else(|| Content::Digest(digests.next().unwrap_or_default())))
        .collect())
}

/// The digest of each file, in their order. Files of one ETag are read once.
pub(super) async fn digests(
    files: &[&FileFacts],
    algorithm: DigestAlgorithm,
    listing: &dyn FileListing,
) -> Result<Vec<String>> {
    let key = |file: &FileFacts| match digest_tag(file) {
        Some(tag) => format!("{tag} {}", file.bytes),
        None => file.uri.clone(),
    };
    let mut seen = HashSet::new();
    let read: Vec<&FileFacts> = files.iter().copied().filter(|file| seen.insert(key(file))).collect();
    let digests: Vec<(String, String)> = futures::stream::iter(read)
        .map(|file| async move { Ok((key(file), listing.digest(file, algorithm).await?)) })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await
        .map_err(|error: lakegate_contract::Error| error)?;
    let by_key: HashMap<String, String> = digests.into_iter().collect();
    Ok(files.iter().map(|file| by_key.get(&key(file)).cloned().unwrap_or_default()).collect())
}

/// An ETag that sums up the content. One of an object that came in parts ends in their number, and says nothing of a copy that
/// came in other parts; one under a key of KMS is of no content, and no two are equal.
fn digest_tag(file: &FileFacts) -> Option<&str> {
    let tag = file.e_tag.as_deref()?.trim_matches('"');
    (tag.len() == DigestAlgorithm::Md5.digits() && tag.bytes().all(|b| b.is_ascii_hexdigit())).then_some(tag)
}
