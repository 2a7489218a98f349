//! Wide answers to long rows, with Polars: several answers in one cell, and grids of questions.

use lakegate_contract::{Error, Result};
use polars::prelude::{
    Column, DataFrame, ExplodeOptions, IntoColumn as _, IntoSeries as _, ListBuilderTrait as _,
    ListStringChunkedBuilder, PolarsError, UnpivotDF as _,
};

/// A row to make: the respondent's number in the chunk, and what reshaping adds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LongRow {
    pub(crate) respondent: usize,
    /// The question of a grid.
    pub(crate) question: Option<String>,
    /// The chosen answer, or the grid's value.
    pub(crate) answer: Option<String>,
}

/// One row for each answer; a respondent without an answer keeps one row without one.
pub(crate) fn explode(answers: &[Option<String>], separator: &str) -> Result<Vec<LongRow>> {
    let mut lists = ListStringChunkedBuilder::new("answer".into(), answers.len(), answers.len() * 2);
    for answer in answers {
        let chosen: Vec<&str> =
            answer.iter().flat_map(|a| a.split(separator)).map(str::trim).filter(|a| !a.is_empty()).collect();
        if chosen.is_empty() {
            lists.append_null();
        } else {
            lists.append_values_iter(chosen.into_iter());
        }
    }
    let frame =
        DataFrame::new_infer_height(vec![respondents(answers.len()), lists.finish().into_series().into_column()])
            .map_err(failed)?;
    let long = frame.explode(["answer"], ExplodeOptions { empty_as_null: true, keep_nulls: true }).map_err(failed)?;
    rows(&long, None, "answer")
}

/// One row for each respondent and question.
pub(crate) fn unpivot(questions: &[(String, Vec<Option<String>>)], respondent_count: usize) -> Result<Vec<LongRow>> {
    let mut columns = vec![respondents(respondent_count)];
    columns.extend(questions.iter().map(|(name, values)| Column::new(name.as_str().into(), values)));
    let frame = DataFrame::new_infer_height(columns).map_err(failed)?;
    let names: Vec<String> = questions.iter().map(|(name, _)| name.clone()).collect();
    let long = frame.unpivot(Some(names), ["respondent"]).map_err(failed)?;
    let mut rows = rows(&long, Some("variable"), "value")?;
    // The order of an unpivoted frame is not promised.
    let position = |row: &LongRow| questions.iter().position(|(name, _)| Some(name) == row.question.as_ref());
    rows.sort_by_key(|row| (row.respondent, position(row)));
    Ok(rows)
}

fn respondents(count: usize) -> Column {
    let numbers: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
    Column::new("respondent".into(), numbers)
}

fn rows(frame: &DataFrame, question: Option<&str>, answer: &str) -> Result<Vec<LongRow>> {
    let respondents = frame.column("respondent").and_then(|c| c.u32()).map_err(failed)?;
    let answers = frame.column(answer).and_then(|c| c.str()).map_err(failed)?;
    let questions: Vec<Option<String>> = match question {
        Some(name) => {
            frame.column(name).and_then(|c| c.str()).map_err(failed)?.iter().map(|q| q.map(str::to_owned)).collect()
        }
        None => vec![None; frame.height()],
    };
    Ok(respondents
        .iter()
        .zip(answers.iter())
        .zip(questions)
        .map(|((respondent, answer), question)| LongRow {
            respondent: respondent.unwrap_or(0) as usize,
            question,
            answer: answer.map(str::to_owned),
        })
        .collect())
}

/// Polars' messages may quote values.
fn failed(_: PolarsError) -> Error {
    Error::bug("answers cannot be reshaped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: &[LongRow]) -> Vec<String> {
        let or = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".to_owned());
        rows.iter().map(|r| format!("{} {} {}", r.respondent, or(&r.question), or(&r.answer))).collect()
    }

    #[test]
    fn several_answers_become_rows() {
        let answers = [Some("검색, SNS".to_owned()), None, Some(" ,".to_owned()), Some("지인 추천".to_owned())];
        assert_eq!(shown(&explode(&answers, ",").unwrap()), ["0 - 검색", "0 - SNS", "1 - -", "2 - -", "3 - 지인 추천"]);
    }

    #[test]
    fn a_grid_becomes_rows_in_the_order_of_its_questions() {
        let some = |t: &str| Some(t.to_owned());
        let grid = [("배송".to_owned(), vec![some("1"), some("2")]), ("가격".to_owned(), vec![None, some("4")])];
        assert_eq!(shown(&unpivot(&grid, 2).unwrap()), ["0 배송 1", "0 가격 -", "1 배송 2", "1 가격 4"]);
    }
}
