//! The analyzer `Distribution`: how the values of a column spread. Numbers fall into bins of equal width whose ends stay those of the
//! first run, so that runs compare; of other values, how often the 20 most frequent occur. Values themselves are never told.

use std::collections::BTreeMap;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::logical_expr::{cast, lit};
use datafusion::prelude::{SessionContext, ident};
use futures::TryStreamExt as _;
use lakegate_contract::Result;

use crate::ast::Analyzer;
use crate::history::History;
use crate::measure::as_double;
use crate::queries::unreadable;

const BINS: u32 = 10;
const MOST_FREQUENT: usize = 20;
/// Share of the values outside of the ends that makes new ends, when it was exceeded so many runs in a row
/// (<https://docs.aws.amazon.com/glue/latest/dg/dqdl.html#dqdl-analyzers>).
const OVERFLOW: f64 = 0.05;
pub(crate) const OVERFLOWING_RUNS: usize = 3;

/// Measures a distribution; `history` has the ends that earlier runs chose.
pub(crate) async fn measure(
    analyzer: &Analyzer,
    data_type: &DataType,
    history: &History,
    context: &SessionContext,
) -> Result<BTreeMap<String, f64>> {
    let column = analyzer.parameters.first().map_or("", String::as_str);
    let prefix = format!("Column.{column}.Distribution");
    if !data_type.is_numeric() {
        return most_frequent(&prefix, column, context).await;
    }
    let bins = analyzer.tags.get("bins").and_then(|bins| bins.parse().ok()).unwrap_or(BINS);
    let Some(known) = ends(column, context).await? else { return Ok(BTreeMap::new()) };
    let may_rebin = analyzer.tags.get("rebin").map(String::as_str) != Some("false");
    let mut counted = Vec::new();
    let mut chosen = known;
    if let Some(earlier) = earlier_ends(&prefix, history) {
        counted = counts(column, earlier, bins, context).await?;
        chosen = earlier;
        if may_rebin && overflows(&counted) > OVERFLOW && has_overflowed(&prefix, history) {
            counted.clear();
            chosen = known;
        }
    }
    if counted.is_empty() {
        counted = counts(column, chosen, bins, context).await?;
    }
    let mut metrics = BTreeMap::from([
        (format!("{prefix}.Low"), chosen.0),
        (format!("{prefix}.High"), chosen.1),
        (format!("{prefix}.Overflow"), overflows(&counted)),
    ]);
    let inner = counted.iter().skip(1).take(counted.len().saturating_sub(2));
    metrics.extend((1..).zip(inner).map(|(bin, count)| (format!("{prefix}.Bin{bin:03}"), *count)));
    Ok(metrics)
}

fn earlier_ends(prefix: &str, history: &History) -> Option<(f64, f64)> {
    let newest = |name: &str| history.of(&format!("{prefix}.{name}")).first().map(|observation| observation.value);
    newest("Low").zip(newest("High"))
}

/// Whether the runs before this one overflowed already, so that this one is the last of them.
fn has_overflowed(prefix: &str, history: &History) -> bool {
    let earlier = history.of(&format!("{prefix}.Overflow"));
    let before = OVERFLOWING_RUNS - 1;
    earlier.len() >= before && earlier.iter().take(before).all(|observation| observation.value > OVERFLOW)
}

/// The share of what lies below the first and above the last bin.
fn overflows(counts: &[f64]) -> f64 {
    let all: f64 = counts.iter().sum();
    let outside = counts.first().unwrap_or(&0.0) + counts.last().unwrap_or(&0.0);
    if all > 0.0 { outside / all } else { 0.0 }
}

/// The least and the greatest value.
async fn ends(column: &str, context: &SessionContext) -> Result<Option<(f64, f64)>> {
    use datafusion::functions_aggregate::expr_fn::{max, min};
    let value = cast(ident(column), DataType::Float64);
    let frame = context.table("primary").await.map_err(unreadable)?;
    let frame = frame.aggregate(Vec::new(), vec![min(value.clone()), max(value)]).map_err(unreadable)?;
    let batches = frame.collect().await.map_err(unreadable)?;
    let end = |index: usize| {
        let batch = batches.iter().find(|batch| batch.num_rows() == 1)?;
        batch.columns().get(index)?.as_primitive_opt::<Float64Type>()?.iter().next().flatten()
    };
    Ok(end(0).zip(end(1)).filter(|(low, high)| low.is_finite() && high.is_finite()))
}

/// How many values lie below, in each bin, and above. The last bin has its upper end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of bins are small")]
async fn counts(column: &str, (low, high): (f64, f64), bins: u32, context: &SessionContext) -> Result<Vec<f64>> {
    use datafusion::functions::expr_fn::floor;
    use datafusion::functions_aggregate::expr_fn::count;
    use datafusion::logical_expr::when;
    let value = || cast(ident(column), DataType::Float64);
    let width = if high > low { (high - low) / f64::from(bins) } else { 1.0 };
    let within = floor((value() - lit(low)) / lit(width));
    let bin = when(value().lt(lit(low)), lit(-1.0))
        .when(value().gt(lit(high)), lit(f64::from(bins)))
        .when(value().eq(lit(high)), lit(f64::from(bins) - 1.0))
        .otherwise(within)
        .map_err(unreadable)?;
    let kept = context.table("primary").await.map_err(unreadable)?.filter(ident(column).is_not_null());
    let frame = kept
        .and_then(|kept| kept.aggregate(vec![bin.alias("bin")], vec![count(lit(1)).alias("occurrences")]))
        .map_err(unreadable)?;
    let mut counted = vec![0.0; bins as usize + 2];
    for batch in frame.collect().await.map_err(unreadable)? {
        let bins = batch.column(0).as_primitive::<Float64Type>();
        let occurrences = batch.column(1).as_primitive::<Int64Type>();
        for (bin, count) in bins.iter().zip(occurrences.iter()) {
            if let (Some(bin), Some(count)) = (bin.filter(|bin| bin.is_finite()), count)
                && let Some(counted) = counted.get_mut((bin + 1.0) as usize)
            {
                *counted += as_double(u64::try_from(count).unwrap_or_default());
            }
        }
    }
    Ok(counted)
}

async fn most_frequent(prefix: &str, column: &str, context: &SessionContext) -> Result<BTreeMap<String, f64>> {
    use datafusion::functions_aggregate::expr_fn::count;
    let kept = context.table("primary").await.map_err(unreadable)?.filter(ident(column).is_not_null());
    let frame = kept
        .and_then(|kept| kept.aggregate(vec![ident(column)], vec![count(lit(1)).alias("occurrences")]))
        .and_then(|grouped| grouped.select(vec![ident("occurrences")]))
        .and_then(|counts| counts.sort(vec![ident("occurrences").sort(false, false)]))
        .and_then(|sorted| sorted.limit(0, Some(MOST_FREQUENT)))
        .map_err(unreadable)?;
    let batches: Vec<_> = frame.execute_stream().await.map_err(unreadable)?.try_collect().await.map_err(unreadable)?;
    let counts = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().iter().flatten());
    Ok((1..)
        .zip(counts)
        .map(|(rank, count)| (format!("{prefix}.Top{rank:02}"), as_double(u64::try_from(count).unwrap_or_default())))
        .collect())
}
