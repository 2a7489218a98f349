//! What the engine's planner refuses in the SQL of a rule, in words that people know: names as they are in the data, types as Spark
//! names them, and what to write instead. A planner's message holds names and literals of the rule, never data.

use std::collections::BTreeSet;

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use lakegate_contract::Error;

/// What a planner's error means. `tables` are the datasets that the statement may name, where it may name any.
pub(crate) fn told(error: &DataFusionError, tables: &[String]) -> Error {
    if let Some(own) = crate::spark::own_error(error) {
        return own;
    }
    match error.find_root() {
        DataFusionError::SchemaError(problem, _) => match problem.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => unknown_name(field, valid_fields),
            SchemaError::AmbiguousReference { field } => ambiguous(&field.name),
            SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
                same_name(name)
            }
        },
        root => {
            let message = message(root);
            let known = [unknown_table, not_grouped, equal_names, wrong_types, wrong_argument, unknown_qualifier];
            known
                .iter()
                .find_map(|recognise| recognise(&message, tables))
                .unwrap_or_else(|| Error::usage(format!("the SQL cannot be planned: {}", plain(&message))))
        }
    }
}

/// The message without the engine's own words before and behind it, in one line.
fn message(error: &DataFusionError) -> String {
    const BEFORE: [&str; 5] =
        ["Error during planning: ", "Execution error: ", "Internal error: ", "Schema error: ", "SQL error: "];
    let text = error.strip_backtrace();
    let lines = text.lines().map(str::trim);
    let told = lines.take_while(|line| !line.starts_with("This issue") && !line.starts_with("Candidate"));
    let mut text = told.collect::<Vec<_>>().join(" ");
    while let Some(rest) = BEFORE.iter().find_map(|before| text.strip_prefix(before)) {
        text = rest.to_owned();
    }
    text
}

fn unknown_name(field: &Column, valid: &[Column]) -> Error {
    let tables: BTreeSet<String> = valid.iter().filter_map(|c| c.relation.as_ref()).map(ToString::to_string).collect();
    if let Some(table) = field.relation.as_ref().map(ToString::to_string)
        && !tables.contains(&table)
    {
        return match tables.is_empty() {
            true => {
                Error::usage(format!("`{table}.{}` names a table, and a `where` knows the columns of one", field.name))
                    .expected(format!("`{}`", field.name))
            }
            false => unknown_alias(&table).expected(format!("one of {}", listed(tables.iter().map(String::as_str)))),
        };
    }
    unknown_column(field, valid)
}

fn unknown_column(field: &Column, valid: &[Column]) -> Error {
    let of_table = |c: &&Column| field.relation.is_none() || c.relation == field.relation;
    // What the engine names by itself, such as `count(*)`, nobody can have meant.
    let mut names: Vec<&str> =
        valid.iter().filter(of_table).map(|c| c.name.as_str()).filter(|n| !n.contains('(')).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let error = Error::usage(format!("there is no column `{}`", field.name));
    let error =
        if names.is_empty() { error } else { error.expected(format!("one of {}", listed(names.iter().copied()))) };
    error.suggesting(&field.name, names)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn ambiguous(column: &str) -> Error {
    Error::usage(format!("column `{column}` is in several of the tables"))
        .expected(format!("the table's name or alias before it, such as `primary.{column}`"))
}

fn same_name(column: &str) -> Error {
    Error::usage(format!("the statement gives two columns of the name `{column}`"))
        .help(format!("give one of them another name: `{column} as another`"))
}

fn unknown_alias(name: &str) -> Error {
    Error::usage(format!("the statement has no table or alias `{name}`"))
}

/// `table 'datafusion.public.orders' not found`
fn unknown_table(message: &str, tables: &[String]) -> Option<Error> {
    let name = between(message, "table '", "' not found")?;
    let name = name.strip_prefix("datafusion.").unwrap_or(name);
    let name = name.strip_prefix("public.").unwrap_or(name);
    let error = Error::usage(format!("there is no dataset `{name}`"));
    let error = match tables {
        [] => error,
        tables => error.expected(format!("one of {}", listed(tables.iter().map(String::as_str)))),
    };
    let error =
        error.help("`primary` is the dataset that is judged; `lakegate quality` takes others with --ref NAME=PATH");
    Some(error.suggesting(name, tables.iter().map(String::as_str)))
}

/// `… column "primary.name" must appear in the GROUP BY clause …`
fn not_grouped(message: &str, _: &[String]) -> Option<Error> {
    let (before, _) = message.split_once(" must appear in the GROUP BY clause")?;
    let name = before.rsplit(['"', ' ']).find(|part| !part.is_empty())?;
    let name = unqualified(name);
    Some(
        Error::usage(format!("column `{name}` stands beside an aggregate, and is neither grouped by nor aggregated"))
            .expected(format!("`group by {name}`, or an aggregate such as `max({name})`")),
    )
}

/// `Projections require unique expression names but the expression "primary.id" at …`
fn equal_names(message: &str, _: &[String]) -> Option<Error> {
    let expression = between(message, "unique expression names but the expression \"", "\" at position")?;
    let name = expression.rsplit_once(" AS ").map_or(expression, |(_, alias)| alias);
    Some(same_name(unqualified(name)))
}

/// `Cannot infer common argument type for comparison operation Date32 > Utf8` and its like
fn wrong_types(message: &str, _: &[String]) -> Option<Error> {
    const BEFORE: [&str; 9] = [
        "Cannot coerce arithmetic expression ",
        "Cannot infer common argument type for comparison operation ",
        "Cannot infer common argument type for logical boolean operation ",
        "Cannot infer common argument type for regex operation ",
        "Cannot infer common argument type for operation ",
        "Cannot infer common string type for string concat operation ",
        "Cannot infer common type for bitwise operation ",
        "Cannot get result type for temporal operation ",
        "Cannot get result type for arithmetic operation ",
    ];
    if let Some(found) = message.strip_prefix("Unary operator 'NOT' requires a boolean expression, got ") {
        return Some(no_truth(&format!("not {}", plain(found))));
    }
    let (before, operation) = BEFORE.iter().find_map(|before| Some((*before, message.strip_prefix(before)?)))?;
    let operation = plain(operation.split(" to valid types").next()?.split(": ").next()?);
    if before.contains("boolean") {
        return Some(no_truth(&operation));
    }
    Some(
        Error::usage(format!("values of these types do not go together: {operation}"))
            .help("make them of one type, such as `cast(x as double)` or `cast(x as string)`"),
    )
}

fn no_truth(operation: &str) -> Error {
    Error::usage(format!("`and`, `or` and `not` are over what is true or false, and found is {operation}"))
        .expected("comparisons, such as `status = 'paid' and amount > 0`")
}

/// `… the given name and argument types 'abs(Date32)' …`; `Function 'sum' failed to match any signature …`; `x does not support type Utf8`
fn wrong_argument(message: &str, _: &[String]) -> Option<Error> {
    let call = match between(message, "name and argument types '", "'") {
        Some(call) => plain(call),
        None => match between(message, "Function '", "' failed to match any signature") {
            Some(name) => {
                let found = between(message, "(DataType: ", ").").map(plain).unwrap_or_default();
                format!("{name}({found})")
            }
            None => {
                let (name, found) = message.split_once(" does not support type ")?;
                format!("{}({})", name.rsplit(' ').next()?, plain(found.split(['.', ' ']).next()?))
            }
        },
    };
    Some(
        Error::usage(format!("a function takes no values of these types: `{call}`"))
            .help("cast them, such as `cast(x as double)` or `cast(x as string)`"),
    )
}

/// `Invalid qualifier t`
fn unknown_qualifier(message: &str, _: &[String]) -> Option<Error> {
    message.strip_prefix("Invalid qualifier ").map(|name| unknown_alias(name.trim()))
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(found, _)| found)
}

fn unqualified(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, column)| column)
}

/// The text with Spark's names in place of those of Arrow's types; what stands in double quotes stays.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if first == '"' {
            let end = rest.get(1..).and_then(|inner| inner.find('"')).map_or(rest.len(), |end| end + 2);
            out.push_str(take(&mut rest, end));
        } else if word == 0 {
            out.push_str(take(&mut rest, first.len_utf8()));
        } else {
            let word = take(&mut rest, word);
            let arguments = parenthesised(rest);
            match renamed(word, arguments) {
                Some(name) => {
                    out.push_str(&name);
                    take(&mut rest, arguments.map_or(0, |inner| inner.len() + 2));
                }
                None => out.push_str(simple(word).unwrap_or(word)),
            }
        }
    }
    out.replace("datafusion.public.", "")
}

/// The first bytes of a text, which then begins behind them.
fn take<'a>(text: &mut &'a str, bytes: usize) -> &'a str {
    let (taken, rest) = text.split_at_checked(bytes).unwrap_or((text, ""));
    *text = rest;
    taken
}

/// What stands in the parentheses with which a text begins.
fn parenthesised(text: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(1..at).filter(|_| at > 0);
        }
    }
    None
}

/// A type that has arguments, or a literal, which the engine writes as if its type had one: `Int64(5)`.
fn renamed(word: &str, arguments: Option<&str>) -> Option<String> {
    let arguments = arguments?;
    Some(match word {
        "Timestamp" => "timestamp".to_owned(),
        "Interval" | "Duration" => "interval".to_owned(),
        "Time32" | "Time64" => "time".to_owned(),
        "FixedSizeBinary" => "binary".to_owned(),
        // A literal has its digits in here as well: `Some(15),2,1`.
        "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256" if !arguments.contains("Some") => {
            format!("decimal({})", arguments.replace(' ', ""))
        }
        "List" | "LargeList" | "ListView" | "LargeListView" => {
            let element = plain(arguments);
            format!("array<{}>", element.split(", field").next().unwrap_or(&element))
        }
        "Struct" => format!("struct<{}>", plain(arguments)),
        "Map" => format!("map<{}>", plain(arguments)),
        "Dictionary" => plain(arguments.split_once(", ")?.1),
        _ => {
            simple(word)?;
            arguments.to_owned()
        }
    })
}

fn simple(word: &str) -> Option<&'static str> {
    Some(match word {
        "Boolean" => "boolean",
        "Int8" => "tinyint",
        "Int16" | "UInt8" => "smallint",
        "Int32" | "UInt16" => "int",
        "Int64" | "UInt32" => "bigint",
        "UInt64" => "decimal(20,0)",
        "Float16" | "Float32" => "float",
        "Float64" => "double",
        "Utf8" | "LargeUtf8" | "Utf8View" => "string",
        "Binary" | "LargeBinary" | "BinaryView" => "binary",
        "Date32" | "Date64" => "date",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, TimeUnit};
    use lakegate_contract::type_name;

    use super::*;

    #[test]
    fn types_have_sparks_names() {
        for (text, expected) in [
            ("Float64 + Date32", "double + date"),
            ("Timestamp(µs, \"UTC\") > Int64", "timestamp > bigint"),
            (
                "coalesce(Decimal128(12, 2), List(Utf8View), \"Int64\")",
                "coalesce(decimal(12,2), array<string>, \"Int64\")",
            ),
            ("count(Int64(1)) and Interval(MonthDayNano)", "count(1) and interval"),
            ("Int64s of datafusion.public.orders (", "Int64s of orders ("),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn frequent_refusals_are_told_in_plain_words() {
        let told = |message: &str| {
            let error = told(&DataFusionError::Plan(message.to_owned()), &[]);
            format!("{error} | {}", error.advice().unwrap_or("-"))
        };
        let logical = "Cannot infer common argument type for logical boolean operation Utf8 AND Boolean";
        insta::assert_snapshot!(told(logical), @"`and`, `or` and `not` are over what is true or false, and found is string AND boolean; expected comparisons, such as `status = 'paid' and amount > 0` | -");
        let function = "Function 'abs' expects Numeric but received Date. No function matches the given name and argument types 'abs(Date32)'. You might need to add explicit type casts.";
        insta::assert_snapshot!(told(function), @"a function takes no values of these types: `abs(date)` | cast them, such as `cast(x as double)` or `cast(x as string)`");
        let aggregate = "Internal error: Function 'sum' failed to match any signature, errors: Error during planning: Function 'sum' requires Decimal, but received Date (DataType: Date32).,";
        insta::assert_snapshot!(told(aggregate), @"a function takes no values of these types: `sum(date)` | cast them, such as `cast(x as double)` or `cast(x as string)`");
        insta::assert_snapshot!(told("UNION queries have different number of columns"), @"the SQL cannot be planned: UNION queries have different number of columns | -");
    }

    #[test]
    fn every_scalar_type_that_a_planner_names_is_one_of_those_of_messages() {
        let unit = TimeUnit::Microsecond;
        for data_type in [
            DataType::Boolean,
            DataType::Int8,
            DataType::UInt64,
            DataType::Float32,
            DataType::LargeUtf8,
            DataType::Date64,
            DataType::Binary,
            DataType::Decimal128(38, 10),
            DataType::Timestamp(unit, Some("UTC".into())),
            DataType::Time64(unit),
            DataType::List(std::sync::Arc::new(Field::new("item", DataType::Int32, true))),
        ] {
            assert_eq!(plain(&data_type.to_string()), type_name(&data_type));
        }
    }
}
