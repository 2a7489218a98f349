//! What is wrong with a rule about files, before any file is looked at.

use lakegate_contract::Error;

use super::DigestAlgorithm;
use super::tags::Tags;
use crate::ast::Leaf;
use crate::condition::{Condition, DateOperand, NumberOperand, TextOperand};

/// The problems of a rule about files.
pub(crate) fn problems(leaf: &Leaf) -> Vec<Error> {
    let tags = Tags::of(leaf);
    let algorithm = tags.as_ref().map_or(DigestAlgorithm::Sha256, |tags| tags.algorithm);
    let mut problems: Vec<Error> = tags.err().into_iter().collect();
    problems.extend(path_problems(leaf));
    problems.extend(match leaf.name() {
        "FileMatch" => match_problem(leaf, algorithm),
        _ => null_problem(leaf),
    });
    problems
}

fn path_problems(leaf: &Leaf) -> Vec<Error> {
    let known = |path: &str| path.split_once("://").is_none_or(|(scheme, _)| SCHEMES.contains(&scheme));
    leaf.parameters
        .iter()
        .filter(|path| path.trim().is_empty() || !known(path))
        .map(|path| {
            Error::usage(format!("`{path}` is no place whose files can be listed"))
                .expected("s3://bucket/prefix/, or the path of a local file or folder")
        })
        .collect()
}

/// Hadoop's names of S3 mean S3.
const SCHEMES: [&str; 4] = ["s3", "s3a", "s3n", "file"];

/// A file always has a size and a time.
fn null_problem(leaf: &Leaf) -> Option<Error> {
    let names_null = match leaf.condition.as_ref()? {
        Condition::Number(number) => number.comparison.operands().contains(&&NumberOperand::Null),
        Condition::Date(date) => date.operands().contains(&&DateOperand::Null),
        _ => false,
    };
    names_null.then(|| Error::usage(format!("`{}` compares with NULL, which no file gives", leaf.name())))
}

fn match_problem(leaf: &Leaf, algorithm: DigestAlgorithm) -> Option<Error> {
    let comparison = match (&leaf.condition, leaf.parameters.len()) {
        (None, 2) => return None,
        (Some(Condition::Text(comparison)), 0 | 1) => comparison,
        (Some(_), 2) => {
            return Some(Error::usage("`FileMatch` names two paths and a condition").expected("one of them"));
        }
        _ => {
            return Some(Error::usage("`FileMatch` does not say what the files are compared with").expected(
                "two paths, or digests: FileMatch \"s3://bucket/file.csv\" in [\"…\"] with hashAlgorithm = \"SHA-256\"",
            ));
        }
    };
    comparison.operands().into_iter().find_map(|operand| match operand {
        TextOperand::Text(digest) => digest_problem(digest, algorithm),
        _ => Some(Error::usage("`FileMatch` compares with what is no digest").expected("digests in double quotes")),
    })
}

/// A digest of another length is one of another algorithm: the rule could never hold.
fn digest_problem(digest: &str, algorithm: DigestAlgorithm) -> Option<Error> {
    let hexadecimal = !digest.is_empty() && digest.bytes().all(|b| b.is_ascii_hexdigit());
    if hexadecimal && digest.len() == algorithm.digits() {
        return None;
    }
    let found = if hexadecimal { format!("has {} digits", digest.len()) } else { "is not hexadecimal".to_owned() };
    let error = Error::usage(format!("the digest \"{digest}\" {found}"))
        .expected(format!("the {} hexadecimal digits of {algorithm}", algorithm.digits()));
    let other = DigestAlgorithm::ALL.into_iter().find(|a| hexadecimal && a.digits() == digest.len());
    Some(match other {
        Some(other) => error.help(format!("for that of {other}, add `with hashAlgorithm = \"{other}\"`")),
        None => error,
    })
}
