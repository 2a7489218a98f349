//! Functions over texts: places, pieces, and Java's regular expressions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;

use super::bounded::{LONGEST, Texts};
use super::udf::{at, texts, typed, wholes};
use crate::pattern::{Pattern, Replacement};

/// All of them.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        typed("spark_locate", |_, _| Ok(DataType::Int32), |args, _| locate(args)),
        typed("spark_split", |_, _| Ok(list()), |args, _| split(args)),
        typed("spark_rlike", |_, _| Ok(DataType::Boolean), |args, _| rlike(args)),
        typed("spark_regexp_extract", |_, _| Ok(DataType::Utf8), |args, _| extract(args)),
        typed("spark_regexp_replace", |_, _| Ok(DataType::Utf8), |args, _| replace(args)),
        typed("spark_regexp_count", |_, _| Ok(DataType::Int32), |args, _| count(args)),
        typed("spark_regexp_substr", |_, _| Ok(DataType::Utf8), |args, _| substr(args)),
        typed("spark_replace", |_, _| Ok(DataType::Utf8), |args, _| plain_replace(args)),
        typed("spark_pad", |_, _| Ok(DataType::Utf8), |args, _| pad(args)),
        typed("spark_repeat", |_, _| Ok(DataType::Utf8), |args, _| repeat(args)),
        concatenation(),
        typed("spark_concat_ws", |_, _| Ok(DataType::Utf8), |args, _| concat_with(args)),
    ]
}

/// `concat` and `||`.
pub(super) fn concatenation() -> Arc<ScalarUDF> {
    typed("spark_concat", |_, _| Ok(DataType::Utf8), |args, _| concat(args))
}

fn list() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// A pattern that is a constant of the rule was checked when the rule was planned; one that is computed could hold data.
fn computed(what: &str) -> DataFusionError {
    failed(lakegate_contract::Error::usage(format!("{what}, computed for a row, cannot be used")))
}

fn failed(error: lakegate_contract::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Patterns by their text: that of the row before is kept, for most columns of patterns are constants.
#[derive(Default)]
struct Compiled(Option<(String, Pattern)>);

impl Compiled {
    fn of(&mut self, text: &str) -> Result<&Pattern> {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            self.0 = Some((text.to_owned(), Pattern::search(text).map_err(|_| computed("a regular expression"))?));
        }
        self.0.as_ref().map(|(_, pattern)| pattern).ok_or_else(|| exec_datafusion_err!("no pattern"))
    }
}

/// Judges each row of a text and a pattern that are not NULL.
fn matched<T>(
    args: &[ArrayRef],
    mut each: impl FnMut(&Pattern, &str, usize) -> Result<Option<T>>,
) -> Result<Vec<Option<T>>> {
    let (values, patterns) = (texts(args, 0)?, texts(args, 1)?);
    let mut compiled = Compiled::default();
    (0..values.len())
        .map(|row| match (at(&values, row), at(&patterns, row)) {
            (Some(value), Some(pattern)) => each(compiled.of(pattern)?, value, row),
            _ => Ok(None),
        })
        .collect()
}

fn rlike(args: &[ArrayRef]) -> Result<ArrayRef> {
    let found = matched(args, |pattern, value, _| pattern.is_match(value).map(Some).map_err(failed))?;
    Ok(Arc::new(BooleanArray::from(found)))
}

/// Without a match the empty text.
fn extract(args: &[ArrayRef]) -> Result<ArrayRef> {
    let groups = wholes(args, 2)?;
    let found = matched(args, |pattern, value, row| {
        if groups.is_null(row) {
            return Ok(None);
        }
        let group = usize::try_from(groups.value(row)).ok().filter(|group| *group <= pattern.groups());
        let group = group.ok_or_else(|| {
            failed(lakegate_contract::Error::usage(format!(
                "regexp_extract asks for a group that its regular expression lacks: it has {}",
                pattern.groups()
            )))
        })?;
        let taken = pattern.extract(value, group).map_err(failed)?;
        Ok(Some(taken.unwrap_or_default().to_owned()))
    })?;
    Ok(Arc::new(StringArray::from(found)))
}

fn replace(args: &[ArrayRef]) -> Result<ArrayRef> {
    let replacements = texts(args, 2)?;
    let mut made = Texts::new();
    let found = matched(args, |pattern, value, row| {
        let Some(text) = at(&replacements, row) else { return Ok(None) };
        let replacement = Replacement::new(text, pattern).map_err(|_| computed("a replacement"))?;
        let replaced = pattern.replace(value, &replacement, LONGEST).map_err(failed)?;
        made.reserve(replaced.as_ref().map(String::len))?;
        Ok(replaced)
    })?;
    Ok(Arc::new(StringArray::from(found)))
}

fn count(args: &[ArrayRef]) -> Result<ArrayRef> {
    let found = matched(args, |pattern, value, _| {
        let places = pattern.places(value).map_err(failed)?;
        Ok(i32::try_from(places.len()).ok())
    })?;
    Ok(Arc::new(Int32Array::from(found)))
}

/// Without a match NULL.
fn substr(args: &[ArrayRef]) -> Result<ArrayRef> {
    let found = matched(args, |pattern, value, _| Ok(pattern.extract(value, 0).map_err(failed)?.map(str::to_owned)))?;
    Ok(Arc::new(StringArray::from(found)))
}

/// Pieces between matches; an empty match at the front gives none, and a positive limit is the number of pieces.
fn split(args: &[ArrayRef]) -> Result<ArrayRef> {
    let limits = wholes(args, 2)?;
    let found = matched(args, |pattern, value, row| {
        let limit = usize::try_from(limits.value(row)).unwrap_or(0);
        let mut pieces = Vec::new();
        let mut copied = 0;
        for (start, end) in pattern.places(value).map_err(failed)? {
            let full = limit > 0 && pieces.len() + 1 >= limit;
            if full || (end == 0) || (start == end && start == value.len()) {
                continue;
            }
            pieces.push(value.get(copied..start).unwrap_or_default().to_owned());
            copied = end;
        }
        pieces.push(value.get(copied..).unwrap_or_default().to_owned());
        Ok(Some(pieces))
    })?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for pieces in found {
        lists.append_option(pieces.map(|pieces| pieces.into_iter().map(Some).collect::<Vec<_>>()));
    }
    Ok(Arc::new(lists.finish()))
}

/// Where a text stands in another, from a place on, counted from 1; 0 if nowhere.
fn locate(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (needles, values, froms) = (texts(args, 0)?, texts(args, 1)?, wholes(args, 2)?);
    let place = |row: usize| {
        // Without a place Spark says 0, not NULL.
        if froms.is_null(row) {
            return Some(0);
        }
        let (needle, value) = (at(&needles, row)?, at(&values, row)?);
        let Some(skipped) = usize::try_from(froms.value(row)).ok().and_then(|from| from.checked_sub(1)) else {
            return Some(0);
        };
        let start = match value.char_indices().nth(skipped) {
            Some((start, _)) => start,
            None if needle.is_empty() => return Some(1),
            None => return Some(0),
        };
        if needle.is_empty() {
            return Some(1);
        }
        let found = value.get(start..).and_then(|rest| rest.find(needle).map(|at| start + at));
        let before = found.map(|at| value.get(..at).map_or(0, |text| text.chars().count()) + 1);
        i32::try_from(before.unwrap_or(0)).ok()
    };
    Ok(Arc::new((0..values.len()).map(place).collect::<Int32Array>()))
}

/// Nothing replaces nothing.
fn plain_replace(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, from, to) = (texts(args, 0)?, texts(args, 1)?, texts(args, 2)?);
    each_text(values.len(), |row, made| {
        let (Some(value), Some(from), Some(to)) = (at(&values, row), at(&from, row), at(&to, row)) else {
            return Ok(None);
        };
        if from.is_empty() {
            return Ok(Some(value.to_owned()));
        }
        let count = value.matches(from).count();
        let kept = value.len() - count * from.len();
        made.reserve(count.checked_mul(to.len()).and_then(|new| new.checked_add(kept)))?;
        Ok(Some(value.replace(from, to)))
    })
}

/// `lpad` and `rpad`: a text, a length, what to fill with, and whether to fill on the left.
fn pad(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, lengths, fills, sides) = (texts(args, 0)?, wholes(args, 1)?, texts(args, 2)?, texts(args, 3)?);
    each_text(values.len(), |row, made| {
        let (Some(value), Some(fill), Some(side)) = (at(&values, row), at(&fills, row), at(&sides, row)) else {
            return Ok(None);
        };
        if lengths.is_null(row) {
            return Ok(None);
        }
        let length = usize::try_from(lengths.value(row)).unwrap_or(0);
        let missing = length.saturating_sub(value.chars().count());
        if missing == 0 {
            return Ok(Some(value.chars().take(length).collect()));
        }
        if fill.is_empty() {
            return Ok(Some(value.to_owned()));
        }
        made.reserve(missing.checked_mul(fill.chars().map(char::len_utf8).max().unwrap_or(0)))?;
        let filled: String = fill.chars().cycle().take(missing).collect();
        Ok(Some(if side == "l" { format!("{filled}{value}") } else { format!("{value}{filled}") }))
    })
}

/// A text so many times.
fn repeat(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, times) = (texts(args, 0)?, wholes(args, 1)?);
    each_text(values.len(), |row, made| {
        let (Some(value), true) = (at(&values, row), times.is_valid(row)) else { return Ok(None) };
        let times = usize::try_from(times.value(row).max(0)).unwrap_or(usize::MAX);
        if value.is_empty() {
            return Ok(Some(String::new()));
        }
        made.reserve(value.len().checked_mul(times))?;
        Ok(Some(value.repeat(times)))
    })
}

/// Texts one behind the other; NULL if one is NULL.
fn concat(args: &[ArrayRef]) -> Result<ArrayRef> {
    let all = (0..args.len()).map(|index| texts(args, index)).collect::<Result<Vec<_>>>()?;
    let rows = all.first().map_or(1, Array::len);
    each_text(rows, |row, made| {
        let Some(parts) = all.iter().map(|texts| at(texts, row)).collect::<Option<Vec<_>>>() else { return Ok(None) };
        made.reserve(Some(parts.iter().map(|part| part.len()).sum()))?;
        Ok(Some(parts.concat()))
    })
}

/// Texts that are not NULL with the first one between them; NULL if that is NULL.
fn concat_with(args: &[ArrayRef]) -> Result<ArrayRef> {
    let separators = texts(args, 0)?;
    let all = (1..args.len()).map(|index| texts(args, index)).collect::<Result<Vec<_>>>()?;
    each_text(separators.len(), |row, made| {
        let Some(separator) = at(&separators, row) else { return Ok(None) };
        let parts: Vec<&str> = all.iter().filter_map(|texts| at(texts, row)).collect();
        made.reserve(Some(parts.iter().map(|part| part.len() + separator.len()).sum()))?;
        Ok(Some(parts.join(separator)))
    })
}

/// A text for each row; `each` takes room for what it makes.
fn each_text(rows: usize, mut each: impl FnMut(usize, &mut Texts) -> Result<Option<String>>) -> Result<ArrayRef> {
    let mut made = Texts::new();
    for row in 0..rows {
        let text = each(row, &mut made)?;
        made.push(text);
    }
    Ok(made.finish())
}
