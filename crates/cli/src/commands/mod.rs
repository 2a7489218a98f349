//! One module a command.

pub mod alarms;
pub mod catalog;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod glue;
pub mod init;
pub mod plan;
pub mod quality;
pub mod quarantine;
pub mod query;
pub mod redrive;
pub mod report;
pub mod run;
pub mod runs;
pub mod vacuum;
pub mod workflow;
