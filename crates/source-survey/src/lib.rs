//! Survey workbooks: Excel's xlsx, with notes above the table, merged two-row headers and several answers in one cell.

mod archive;
mod cell;
mod header;
mod quarter;
mod reshape;
mod source;
mod workbook;

pub use source::{BadCell, Explode, HeaderRows, SurveyConfig, SurveySource, Unpivot};

#[cfg(test)]
mod tests;
