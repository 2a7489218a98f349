//! Spark's SQL as text: what a quote means, how a string is escaped.

use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, Statement};
use datafusion::sql::sqlparser::dialect::{Dialect, SparkSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use lakegate_contract::{Error, Result};

/// Deepest nesting that the parser follows.
const MAX_DEPTH: usize = 60;

/// Spark's dialect with the escapes of its strings, which the parser's own leaves out.
#[derive(Debug)]
struct Glue;

impl Dialect for Glue {
    fn is_delimited_identifier_start(&self, c: char) -> bool {
        SparkSqlDialect.is_delimited_identifier_start(c)
    }

    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn ignores_wildcard_escapes(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_long_type_as_bigint(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
        true
    }

    fn supports_cte_without_as(&self) -> bool {
        true
    }

    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        expr: &Expr,
        precedence: u8,
    ) -> Option<std::result::Result<Expr, ParserError>> {
        // The parser's own dialect takes all that follows for the divisor.
        if parser.parse_keyword(Keyword::DIV) {
            let divisor = parser.parse_subexpr(precedence);
            let division = |right| Expr::BinaryOp { left: Box::new(expr.clone()), op: DIV, right: Box::new(right) };
            return Some(divisor.map(division));
        }
        SparkSqlDialect.parse_infix(parser, expr, precedence)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<std::result::Result<u8, ParserError>> {
        // `div` stands beside `*`: the parser knows it for other dialects only.
        match parser.peek_token_ref().token {
            Token::Word(ref word) if word.value.eq_ignore_ascii_case("div") => {
                Some(Ok(self.prec_value(datafusion::sql::sqlparser::dialect::Precedence::MulDivModOp)))
            }
            _ => None,
        }
    }
}

/// The integral division of `a div b`.
pub(super) const DIV: BinaryOperator = BinaryOperator::MyIntegerDivide;

/// Reads one SELECT.
pub(super) fn query(sql: &str) -> Result<Box<Query>> {
    let text = unquoted(sql);
    let parsed = parser(&text).and_then(|mut parser| parser.parse_statements()).map_err(not_sql)?;
    let [Statement::Query(query)] = <[Statement; 1]>::try_from(parsed).map_err(|statements| {
        Error::usage(format!("the SQL has {} statements", statements.len())).expected("one SELECT")
    })?
    else {
        return Err(
            Error::usage("the SQL is no query").expected("one SELECT over `primary` and the declared references")
        );
    };
    Ok(query)
}

/// Reads a predicate.
pub(super) fn expression(sql: &str) -> Result<Expr> {
    let text = unquoted(sql);
    let mut parser = parser(&text).map_err(not_sql)?;
    let parsed = parser.parse_expr().map_err(not_sql)?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(parsed),
        ref other => {
            Err(Error::usage(format!("the predicate goes on with `{other}` after its end")).expected("one expression"))
        }
    }
}

fn parser(text: &str) -> std::result::Result<Parser<'_>, ParserError> {
    Parser::new(&Glue).with_recursion_limit(MAX_DEPTH).try_with_sql(text)
}

/// In a DQDL string a double quote can only stand behind a backslash.
fn unquoted(sql: &str) -> String {
    sql.replace("\\\"", "\"")
}

/// The parser's message tells what it found and where; it sees the rule alone, never data.
fn not_sql(error: ParserError) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => format!("it is nested more than {MAX_DEPTH} deep"),
    };
    let (message, place) = match message.split_once(" at Line: ") {
        Some((message, place)) => (message, Some(place.replace("Column:", "column"))),
        None => (message.as_str(), None),
    };
    let message = message.replace("found: EOF", "found: the end of the SQL");
    let (found, expected) = match message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: ")) {
        Some((expected, found)) => (format!("the SQL cannot be read: found {found}"), expected.to_owned()),
        None => (format!("the SQL cannot be read: {message}"), "Spark SQL".to_owned()),
    };
    let error = Error::usage(found).expected(expected);
    match place {
        Some(place) => error.at(format!("line {place} of the SQL")),
        None => error,
    }
}

/// The names of a schema's columns.
pub(super) fn columns(schema: &DFSchema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
