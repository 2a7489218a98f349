//! Named SQL over the lake: `sql/<report>.sql`, its parameters, the engines that run it, and how results look.

mod athena;
mod compare;
mod engine;
mod output;
mod parameter;
mod report;

pub use athena::{AthenaEngine, AthenaOptions, AthenaResult, Execution, Publication, WorkGroup};
pub use compare::{Cell, Comparison, compare};
pub use engine::{LocalEngine, ReportResult};
pub use output::{CsvOutput, visible};
pub use parameter::{Parameter, ParameterType};
pub use report::{Chart, Report};
