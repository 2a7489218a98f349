//! Headers: one row or two, merged cells and repeats.

use std::collections::BTreeMap;

use calamine::{Data, Dimensions};

use crate::cell::text_of;

/// The name of each column: the texts of the header rows joined by `/`, merged cells filled in, repeats numbered.
pub(crate) fn names(rows: &[u32], cells: &BTreeMap<(u32, u32), Data>, merged: &[Dimensions]) -> BTreeMap<u32, String> {
    let columns: std::collections::BTreeSet<u32> =
        cells.keys().map(|(_, column)| *column).chain(merged.iter().flat_map(|m| m.start.1..=m.end.1)).collect();
    let mut names = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for column in columns {
        let mut parts: Vec<String> = Vec::new();
        for row in rows {
            let text = text_at(*row, column, cells, merged);
            if let Some(text) = text.filter(|t| parts.last() != Some(t)) {
                parts.push(text);
            }
        }
        if parts.is_empty() {
            continue;
        }
        let name = parts.join("/");
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        names.insert(column, if *count > 1 { format!("{name} ({count})") } else { name });
    }
    names
}

fn text_at(row: u32, column: u32, cells: &BTreeMap<(u32, u32), Data>, merged: &[Dimensions]) -> Option<String> {
    let region =
        merged.iter().find(|m| (m.start.0..=m.end.0).contains(&row) && (m.start.1..=m.end.1).contains(&column));
    let place = region.map_or((row, column), |m| m.start);
    cells.get(&place).and_then(text_of).map(|text| normal(&text))
}

/// Line breaks and runs of white space become one space.
pub(crate) fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
