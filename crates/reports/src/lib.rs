//! Named SQL over the lake: `sql/<report>.sql`, its parameters, the local engine, and how results look.

mod engine;
mod output;
mod parameter;
mod report;

pub use engine::{LocalEngine, ReportResult};
pub use output::CsvOutput;
pub use parameter::{Parameter, ParameterType};
pub use report::{Chart, Report};
