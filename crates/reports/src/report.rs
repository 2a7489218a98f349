//! A report's file: a header in comments, and one SELECT.

use std::collections::BTreeMap;
use std::path::Path;

use lakegate_contract::{Error, ReportName, Result};

use crate::parameter::{self, Parameter, ParameterType};

/// How a report wants to be drawn: `bar x=category y=revenue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// `bar`, `line` or `table`.
    pub kind: String,
    /// What goes where: `x`, `y`, `series` and the like, each a column.
    pub axes: BTreeMap<String, String>,
}

/// A named SQL report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its name: that of its file.
    pub name: ReportName,
    /// Its title, for people.
    pub title: String,
    /// What it says.
    pub description: Option<String>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// How to draw it.
    pub chart: Option<Chart>,
    /// Its statement.
    pub sql: String,
}

const KEYS: [&str; 4] = ["title", "description", "param", "chart"];
const CHARTS: [&str; 3] = ["bar", "line", "table"];

impl Report {
    /// Reads `sql/<report>.sql`.
    ///
    /// # Errors
    /// As [`Report::parse`]; also when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::usage(format!("the report cannot be read: {}", e.kind())).at(&file))?;
        Self::parse(&text, &file)
    }

    /// Parses a report; `file` names it in errors, and its stem names the report.
    ///
    /// # Errors
    /// With file and line: unknown keys, types and charts; parameters that are not declared or not used; no title; no SQL.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let stem = Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let name = ReportName::new(stem).map_err(|e| e.at(file))?;
        if stem == "publish" {
            return Err(Error::usage("no report can be called `publish`: it is an order to `lakegate report`").at(file));
        }
        let header: Vec<(usize, &str)> = (1..)
            .zip(text.lines())
            .take_while(|(_, line)| line.starts_with("--"))
            .map(|(n, l)| (n, l.trim_start_matches("--")))
            .collect();
        let mut report = Self {
            name,
            title: String::new(),
            description: None,
            parameters: Vec::new(),
            chart: None,
            sql: String::new(),
        };
        for (line, content) in join_continued(&header) {
            report.take(&content).map_err(|e| e.at(format!("{file}:{line}:1")))?;
        }
        report.sql =
            text.lines().skip(header.len()).collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned();
        report.check().map_err(|e| e.at(format!("{file}:{}:1", header.len() + 1)))?;
        Ok(report)
    }

    fn take(&mut self, content: &str) -> Result<()> {
        let (key, value) = content.split_once(':').map(|(k, v)| (k.trim(), v.trim())).unwrap_or((content.trim(), ""));
        match key {
            "title" => self.title = value.to_owned(),
            "description" => self.description = Some(value.to_owned()),
            "param" => self.parameters.push(parse_parameter(value)?),
            "chart" => self.chart = Some(parse_chart(value)?),
            other => {
                let error = Error::usage(format!("unknown key `{other}` in the report's header"))
                    .expected(format!("one of {}", KEYS.join(", ")));
                return Err(error.suggesting(other, KEYS));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if self.title.is_empty() {
            return Err(Error::usage("the report has no title").expected("-- title: … in its first lines"));
        }
        if self.sql.is_empty() {
            return Err(Error::usage("the report has no SQL").expected("one SELECT below the header"));
        }
        let repeated = |p: &&Parameter| self.parameters.iter().filter(|other| other.name == p.name).count() > 1;
        if let Some(parameter) = self.parameters.iter().find(repeated) {
            return Err(Error::usage(format!("parameter `{}` is declared twice", parameter.name)));
        }
        let used = parameter::used(&self.sql);
        if let Some(name) = used.iter().find(|name| !self.parameters.iter().any(|p| p.name == **name)) {
            return Err(Error::usage(format!("parameter `:{name}` is not declared"))
                .help(format!("declare it: -- param: {name} string = …")));
        }
        if let Some(parameter) = self.parameters.iter().find(|p| !used.contains(&p.name)) {
            return Err(Error::usage(format!("parameter `{}` is declared and not used", parameter.name)));
        }
        Ok(())
    }

    /// The statement with its parameters' values.
    ///
    /// # Errors
    /// When an argument names no parameter, is not of its type, or is missing.
    pub fn bind(&self, arguments: &BTreeMap<String, String>) -> Result<String> {
        parameter::bind(&self.sql, &self.parameters, arguments).map_err(|e| e.within(format!("report {}", self.name)))
    }
}

/// Header lines that begin with three spaces go on with the one before.
fn join_continued(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    for (number, content) in lines {
        match joined.last_mut() {
            Some((_, before)) if content.starts_with("   ") => {
                before.push(' ');
                before.push_str(content.trim());
            }
            _ if content.trim().is_empty() => {}
            _ => joined.push((*number, content.trim().to_owned())),
        }
    }
    joined
}

/// `since date = 2026-03-01  -- what it is for`
fn parse_parameter(text: &str) -> Result<Parameter> {
    let (declaration, description) = match text.split_once("--") {
        Some((declaration, description)) => (declaration.trim(), Some(description.trim().to_owned())),
        None => (text, None),
    };
    let (head, default) = match declaration.split_once('=') {
        Some((head, default)) => (head.trim(), Some(default.trim().to_owned())),
        None => (declaration, None),
    };
    let (name, data_type) = head.split_once(' ').ok_or_else(|| {
        Error::usage("a parameter needs a name and a type").expected("-- param: since date = 2026-03-01")
    })?;
    let data_type = ParameterType::parse(data_type.trim())?;
    if let Some(default) = &default {
        data_type.literal(default)?;
    }
    Ok(Parameter { name: name.to_owned(), data_type, default, description })
}

fn parse_chart(text: &str) -> Result<Chart> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap_or_default();
    if !CHARTS.contains(&kind) {
        return Err(Error::usage(format!("`{kind}` is not a chart")).expected(format!("one of {}", CHARTS.join(", "))));
    }
    let axes = words
        .map(|word| {
            let (axis, column) = word
                .split_once('=')
                .ok_or_else(|| Error::usage(format!("`{word}` is not an axis")).expected("x=column"))?;
            Ok((axis.to_owned(), column.to_owned()))
        })
        .collect::<Result<_>>()?;
    Ok(Chart { kind: kind.to_owned(), axes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- title: 판매\n-- description: How much\n--   was sold.\n-- param: since date = 2026-03-01  -- from then on\n\
        -- chart: bar x=category y=revenue\nSELECT 1 AS one\nWHERE :since IS NOT NULL;\n";

    #[test]
    fn a_header_is_read() {
        let report = Report::parse(TEXT, "sql/sales.sql").unwrap();
        assert_eq!((report.name.as_str(), report.title.as_str()), ("sales", "판매"));
        assert_eq!(report.description.as_deref(), Some("How much was sold."));
        assert_eq!(report.parameters[0].default.as_deref(), Some("2026-03-01"));
        assert_eq!(report.chart.as_ref().unwrap().axes["y"], "revenue");
        assert_eq!(report.bind(&BTreeMap::new()).unwrap(), "SELECT 1 AS one\nWHERE DATE '2026-03-01' IS NOT NULL");
    }

    #[test]
    fn mistakes_are_placed() {
        let refused = |from: &str, to: &str| Report::parse(&TEXT.replace(from, to), "sql/sales.sql").unwrap_err();
        let error = refused("-- title", "-- tilte");
        assert_eq!((error.place(), error.advice()), (Some("sql/sales.sql:1:1"), Some("did you mean `title`?")));
        assert_eq!(refused("date", "dat").place(), Some("sql/sales.sql:4:1"));
        assert!(refused(":since", ":until").found().contains(":until"));
        assert!(refused("WHERE :since IS NOT NULL", "").found().contains("not used"));
        assert!(refused("bar", "pie").expectation().unwrap().contains("bar"));
    }
}
