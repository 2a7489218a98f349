//! Partition columns of files that lie in folders named `column=value`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use lakegate_contract::{Error, PartitionValue, Result, type_name};
use lakegate_lake::decode_partition_segment;
use lakegate_pipeline::text::{parse_date, parse_integer};
use object_store::path::Path;

/// The partition columns of a dataset, and their values for each of its files.
#[derive(Debug, Default)]
pub struct Partitions {
    pub columns: Vec<FieldRef>,
    pub values: Vec<Vec<ScalarValue>>,
}

/// The partition columns that the folders between `base` and the files make.
pub fn of_files<'a>(base: &Path, files: impl IntoIterator<Item = &'a Path>) -> Result<Partitions> {
    let mut names: Option<Vec<String>> = None;
    let mut texts: Vec<Vec<PartitionValue>> = Vec::new();
    for file in files {
        let (own, values): (Vec<String>, Vec<PartitionValue>) = segments(base, file).into_iter().unzip();
        match &names {
            Some(others) if *others != own => {
                return Err(Error::bad_input(
                    "the folder of the file makes other partition columns than those of the others",
                )
                .at(file.to_string())
                .expected(format!("folders of {}", shown(others))));
            }
            Some(_) => {}
            None => names = Some(own),
        }
        texts.push(values);
    }
    let names = names.unwrap_or_default();
    let types: Vec<DataType> = (0..names.len()).map(|n| type_of(texts.iter().filter_map(|t| t.get(n)))).collect();
    let values = texts.iter().map(|texts| texts.iter().zip(&types).map(|(text, t)| scalar(text, t)).collect());
    let values = values.collect::<Result<Vec<_>>>()?;
    let columns = names.into_iter().zip(types).map(|(name, t)| Arc::new(Field::new(name, t, true))).collect();
    Ok(Partitions { columns, values })
}

fn shown(names: &[String]) -> String {
    match names {
        [] => "no `column=value` in their path".to_owned(),
        names => names.iter().map(|name| format!("{name}=…")).collect::<Vec<_>>().join("/"),
    }
}

fn segments(base: &Path, file: &Path) -> Vec<(String, PartitionValue)> {
    let below = file.as_ref().strip_prefix(base.as_ref()).unwrap_or(file.as_ref());
    let folders = below.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').filter_map(decode_partition_segment).collect()
}

/// Whole numbers, dates, else text; a number with a zero in front is a code.
fn type_of<'a>(values: impl Iterator<Item = &'a PartitionValue> + Clone) -> DataType {
    let all = |test: &dyn Fn(&str) -> bool| {
        let mut known = values.clone().flatten().peekable();
        known.peek().is_some() && known.all(|value| test(value))
    };
    if all(&|value| parse_integer(value).is_some_and(|number| number.to_string() == value)) {
        DataType::Int64
    } else if all(&|value| parse_date(value).is_some()) {
        DataType::Date32
    } else {
        DataType::Utf8
    }
}

fn scalar(value: &PartitionValue, data_type: &DataType) -> Result<ScalarValue> {
    let bad = |e: datafusion::error::DataFusionError| {
        Error::bug(format!("a partition value is not of type {}", type_name(data_type))).caused_by(e.strip_backtrace())
    };
    match value {
        None => ScalarValue::try_from(data_type).map_err(bad),
        Some(text) => ScalarValue::try_from_string(text.clone(), data_type).map_err(bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(files: &[&str]) -> Result<Partitions> {
        let files: Vec<Path> = files.iter().map(|f| Path::parse(f).unwrap()).collect();
        of_files(&Path::parse("data/x=0").unwrap(), &files)
    }

    #[test]
    fn values_decide_the_types() {
        let found = partitions(&[
            "data/x=0/year=2026/day=2026-03-01/code=01/a.csv",
            "data/x=0/year=__HIVE_DEFAULT_PARTITION__/day=2026-03-02/code=a%2Fb/a.csv",
        ])
        .unwrap();
        let shown: Vec<String> = found.columns.iter().map(|c| format!("{} {}", c.name(), c.data_type())).collect();
        assert_eq!(shown, ["year Int64", "day Date32", "code Utf8"]);
        assert!(found.values[1][0].is_null());
        assert_eq!(found.values[1][2], ScalarValue::Utf8(Some("a/b".to_owned())));
    }

    #[test]
    fn files_beside_partitions_are_told() {
        let error = partitions(&["data/x=0/d=1/a.csv", "data/x=0/b.csv"]).unwrap_err();
        assert!(error.place().unwrap().ends_with("b.csv") && error.expectation().unwrap().contains("d=…"), "{error}");
        assert!(partitions(&["data/x=0/2026/a.csv", "data/x=0/b.csv"]).unwrap().columns.is_empty());
    }
}
