//! Operators with Spark's meaning, chosen by the types of their sides.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable as _, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use lakegate_contract::{Error, type_name};

use super::{cast, dialect, numbers, texts};

/// Plans binary operators.
#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, mut raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator as Op;
        let (left, right) = (raw.left.get_type(schema)?, raw.right.get_type(schema)?);
        match raw.op {
            Op::Divide => return Ok(PlannerResult::Planned(divided(raw, &left, &right)?)),
            Op::Modulo => {
                arithmetic(&mut raw, &left, &right)?;
                let sides = vec![raw.left, raw.right];
                return Ok(PlannerResult::Planned(call(datafusion_spark::function::math::modulus(), sides)));
            }
            ref op if *op == dialect::DIV => {
                let sides = vec![to(raw.left, &left, "bigint")?, to(raw.right, &right, "bigint")?];
                return Ok(PlannerResult::Planned(call(numbers::integral_division(), sides)));
            }
            Op::Plus | Op::Minus => {
                if let Some(moved) = moved_date(&raw, &left, &right)? {
                    return Ok(PlannerResult::Planned(moved));
                }
                arithmetic(&mut raw, &left, &right)?;
            }
            Op::Multiply => arithmetic(&mut raw, &left, &right)?,
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::Spaceship => {
                refuse_time_beside_number(&left, &right)?;
                if let Some(common) = compared_as(&left, &right) {
                    raw.left = to(raw.left, &left, common)?;
                } else if let Some(common) = compared_as(&right, &left) {
                    raw.right = to(raw.right, &right, common)?;
                } else {
                    (raw.left, raw.right) = doubles(raw.left, &left, raw.right, &right)?;
                }
            }
            Op::Custom(ref name) if name == MEMBER => {
                return Ok(PlannerResult::Planned(same_text(raw, &left, &right)?));
            }
            Op::StringConcat => {
                return Ok(PlannerResult::Planned(call(texts::concatenation(), vec![raw.left, raw.right])));
            }
            _ => {}
        }
        Ok(PlannerResult::Original(raw))
    }
}

/// The engine would take the number for days since 1970; Spark compares no time with a number.
fn refuse_time_beside_number(left: &DataType, right: &DataType) -> Result<()> {
    let is_time = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    let found = if is_time(left) && right.is_numeric() { (left, right) } else { (right, left) };
    if is_time(found.0) && found.1.is_numeric() {
        let refused = Error::usage(format!("a {} is compared with a number", type_name(found.0)))
            .expected("another date or time, such as `'2026-03-01'`, or what is made of it, such as `year(x)`");
        return Err(DataFusionError::External(refused.into()));
    }
    Ok(())
}

const MEMBER: &str = "spark member of a list";

/// The comparison of a value with a member of an `in` list: unlike `=`, it takes both as text if one of them is.
pub(super) fn member() -> BinaryOperator {
    BinaryOperator::Custom(MEMBER.to_owned())
}

fn same_text(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> Result<Expr> {
    if is_text(left) != is_text(right) {
        return Ok(to(raw.left, left, "string")?.eq(to(raw.right, right, "string")?));
    }
    let (one, other) = doubles(raw.left, left, raw.right, right)?;
    Ok(one.eq(other))
}

/// Beside a double a decimal is a double, and beside a number a truth value is 1 or 0.
fn doubles(left: Expr, left_type: &DataType, right: Expr, right_type: &DataType) -> Result<(Expr, Expr)> {
    let mixed = |a: &DataType, b: &DataType| a.is_floating() && matches!(b, DataType::Decimal128(..));
    let counted = |a: &DataType, b: &DataType| *a == DataType::Boolean && b.is_numeric();
    Ok(if counted(left_type, right_type) {
        (to(left, left_type, "int")?, right)
    } else if counted(right_type, left_type) {
        (left, to(right, right_type, "int")?)
    } else if mixed(left_type, right_type) {
        (left, to(right, right_type, "double")?)
    } else if mixed(right_type, left_type) {
        (to(left, left_type, "double")?, right)
    } else {
        (left, right)
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn call(function: std::sync::Arc<datafusion::logical_expr::ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
}

/// Casts what is of another type.
fn to(expr: Expr, from: &DataType, word: &str) -> Result<Expr> {
    if cast::named(word).as_ref() == Some(from) {
        return Ok(expr);
    }
    Ok(call(cast::udf(), vec![expr, lit(word)]))
}

/// A text in arithmetic is a double.
fn number(expr: Expr, from: &DataType) -> Result<Expr> {
    if is_text(from) { to(expr, from, "double") } else { Ok(expr) }
}

fn arithmetic(raw: &mut RawBinaryExpr, left: &DataType, right: &DataType) -> Result<()> {
    let (one, other) = doubles(raw.left.clone(), left, raw.right.clone(), right)?;
    (raw.left, raw.right) = (number(one, left)?, number(other, right)?);
    Ok(())
}

/// The type that a text takes beside a value of another type.
fn compared_as(text: &DataType, other: &DataType) -> Option<&'static str> {
    if !is_text(text) {
        return None;
    }
    Some(match other {
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "int",
        DataType::Int64 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "bigint",
        DataType::Float32 => "float",
        DataType::Float64 | DataType::Decimal128(..) => "double",
        DataType::Date32 => "date",
        DataType::Timestamp(..) => "timestamp",
        DataType::Boolean => "boolean",
        _ => return None,
    })
}

/// Decimals and whole numbers divide to a decimal if one of them is one, else to a double; by zero to NULL.
fn divided(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> Result<Expr> {
    let exact = |t: &DataType| t.is_integer() || matches!(t, DataType::Decimal128(..) | DataType::Null);
    let decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
    if exact(left) && exact(right) && (decimal(left) || decimal(right)) {
        let side = |expr: Expr, of: &DataType| match of {
            t if t.is_integer() => {
                let digits = constant_digits(&expr);
                let word = digits.map_or_else(|| numbers::decimal_for(t).to_owned(), |n| format!("decimal({n},0)"));
                to(expr, t, &word)
            }
            DataType::Null => to(expr, of, "decimal(1,0)"),
            _ => Ok(expr),
        };
        return Ok(call(numbers::decimal_division(), vec![side(raw.left, left)?, side(raw.right, right)?]));
    }
    Ok(call(numbers::division(), vec![to(raw.left, left, "double")?, to(raw.right, right, "double")?]))
}

/// How many digits a constant has: its decimal is no wider.
fn constant_digits(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Literal(value, _) => Some(value.to_string().trim_start_matches('-').len()),
        Expr::Negative(inner) => constant_digits(inner),
        _ => None,
    }
}

/// A date and a whole number of days.
fn moved_date(raw: &RawBinaryExpr, left: &DataType, right: &DataType) -> Result<Option<Expr>> {
    use datafusion_spark::function::datetime::{date_add, date_sub};
    let function = match raw.op {
        BinaryOperator::Plus => date_add(),
        _ => date_sub(),
    };
    let (date, days, of) = match (left, right) {
        (DataType::Date32, days) if days.is_integer() => (&raw.left, &raw.right, days),
        (days, DataType::Date32) if days.is_integer() && raw.op == BinaryOperator::Plus => {
            (&raw.right, &raw.left, days)
        }
        _ => return Ok(None),
    };
    Ok(Some(call(function, vec![date.clone(), to(days.clone(), of, "int")?])))
}
