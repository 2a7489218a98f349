//! Patterns of files: `data/surveys/*.xlsx`, `s3://bucket/clicks/**/*.json.gz`.

use lakegate_contract::{Error, Result};

pub(crate) const SCHEME: &str = "s3://";

/// Whether a pattern stays within the project.
///
/// # Errors
/// When a part of it is `..`.
pub fn check_pattern(pattern: &str) -> Result<()> {
    if bucket_of(pattern).is_some_and(|(bucket, _)| bucket.is_empty() || bucket.contains(['*', '?'])) {
        return Err(Error::usage(format!("the pattern `{pattern}` names no bucket"))
            .expected("s3://bucket/prefix/*.gz, with wildcards in the key alone"));
    }
    if pattern.split('/').any(|part| part == "..") {
        return Err(
            Error::usage(format!("the pattern `{pattern}` leaves the project")).expected("a pattern without `..`")
        );
    }
    Ok(())
}

/// The folder before a pattern's first wildcard: nothing that matches lies elsewhere.
pub fn fixed_folder(keys: &str) -> &str {
    let fixed = keys.find(['*', '?']).map_or(keys, |wild| keys.get(..wild).unwrap_or_default());
    fixed.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether `name`, `s3://bucket/key`, is a file that a pattern of a bucket names.
pub fn names_object(pattern: &str, name: &str) -> bool {
    let (Some((bucket, keys)), Some((other, key))) = (bucket_of(pattern), bucket_of(name)) else { return false };
    let parts: Vec<&str> = keys.split('/').filter(|p| !p.is_empty()).collect();
    let segments: Vec<&str> = key.split('/').collect();
    bucket == other && matches_path(&parts, &segments)
}

/// Whether an object, `s3://bucket/key`, lies at or below the folder where a pattern's files are looked for.
pub fn is_beside(pattern: &str, name: &str) -> bool {
    let (Some((bucket, keys)), Some((other, key))) = (bucket_of(pattern), bucket_of(name)) else { return false };
    let folder = fixed_folder(keys);
    bucket == other && (folder.is_empty() || key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

/// Whether what is written below `place`, `s3://bucket/prefix`, would be told to who reads `pattern`: whether the place is below
/// the pattern's fixed folder, or that below the place.
pub fn would_trigger(pattern: &str, place: &str) -> bool {
    let (Some((bucket, keys)), Some((other, prefix))) = (bucket_of(pattern), bucket_of(place)) else { return false };
    let folder = |text: &str| match text.trim_matches('/') {
        "" => String::new(),
        text => format!("{text}/"),
    };
    let (watched, written) = (folder(fixed_folder(keys)), folder(prefix));
    bucket == other && (watched.starts_with(&written) || written.starts_with(&watched))
}

/// The bucket and the rest of `s3://bucket/…`.
pub fn bucket_of(pattern: &str) -> Option<(&str, &str)> {
    let rest = pattern.strip_prefix(SCHEME)?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// Whether the parts of a key match those of a pattern, in which `**` stands for any number of them.
pub fn matches_path(pattern: &[&str], segments: &[&str]) -> bool {
    match (pattern.split_first(), segments.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            matches_path(rest, segments)
                || segments.split_first().is_some_and(|(_, below)| matches_path(pattern, below))
        }
        (Some((first, rest)), Some((segment, below))) => matches(first, segment) && matches_path(rest, below),
        _ => false,
    }
}

/// Whether a name matches a pattern of `*` and `?`, in time linear in both but for backtracking to the last `*`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_as_paths_do() {
        let matching = |pattern: &str, key: &str| {
            matches_path(&pattern.split('/').collect::<Vec<_>>(), &key.split('/').collect::<Vec<_>>())
        };
        assert!(matching("a/**/*.json*", "a/b/c/z.json.gz") && matching("a/**/*.json", "a/x.json"));
        assert!(matching("**", "a/b") && matching("a/*/y", "a/b/y"));
        assert!(!matching("a/*", "a/b/c") && !matching("a/**/x", "b/x") && !matching("a", "a/b"));
    }

    #[test]
    fn an_event_names_an_object_of_a_pattern() {
        let surveys = "s3://bucket/data/surveys/*.xlsx";
        assert!(names_object(surveys, "s3://bucket/data/surveys/설문 2026Q1.xlsx"));
        assert!(!names_object(surveys, "s3://other/data/surveys/a.xlsx"));
        assert!(!names_object(surveys, "s3://bucket/data/surveys/old/a.xlsx"));
        assert!(!names_object("data/surveys/*.xlsx", "s3://bucket/data/surveys/a.xlsx"));
    }

    #[test]
    fn an_object_beside_a_pattern_lies_where_it_looks() {
        for (key, expected) in [
            ("data/surveys/2026/a.xlsx", true),
            ("data/surveys/a.csv", true),
            ("data/surveys2/a.xlsx", false),
            ("data/a.xlsx", false),
            ("readme.txt", false),
        ] {
            assert_eq!(is_beside("s3://b/data/surveys/*.xlsx", &format!("s3://b/{key}")), expected, "{key}");
        }
        assert!(is_beside("s3://b/*.xlsx", "s3://b/a.csv") && !is_beside("s3://b/*.xlsx", "s3://c/a.csv"));
    }

    #[test]
    fn what_is_written_where_is_watched_would_trigger() {
        for (place, expected) in [
            ("s3://b/data/surveys/lake", true),
            ("s3://b/data", true),
            ("s3://b", true),
            ("s3://b/data/surveys2", false),
            ("s3://b/lake", false),
            ("s3://other/data/surveys", false),
            ("lake", false),
        ] {
            assert_eq!(would_trigger("s3://b/data/surveys/*.xlsx", place), expected, "{place}");
        }
        assert!(would_trigger("s3://b/*.xlsx", "s3://b/lake"));
    }
}
