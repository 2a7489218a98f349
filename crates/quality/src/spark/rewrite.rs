//! Expressions of Spark to expressions of DataFusion with the same meaning.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Spanned as _, TrimWhereField, UnaryOperator, Value, VisitMut, VisitorMut,
    visit_expressions,
};
use lakegate_contract::{Error, Result};

use super::build::{binary, call, case, cast, function, nested};
use super::functions::{Args, Meaning, alternative, find, negated, refused};

/// Longest list of an `in` whose members are compared one by one, each with Spark's casts.
const MAX_LIST: usize = 64;

/// Rewrites every expression of a statement or predicate.
///
/// # Errors
/// The first function, type or piece of syntax that has no counterpart here.
pub(super) fn rewrite(sql: &mut impl VisitMut) -> Result<()> {
    if let ControlFlow::Break(error) = sql.visit(&mut Rewriter) {
        return Err(error);
    }
    if sql.visit(&mut Levels(0)).is_break() {
        return Err(Error::usage(format!("the SQL is nested more than {MAX_LEVELS} levels deep"))
            .help("a chain of operators counts a level for each; `and` and `or` do not"));
    }
    Ok(())
}

/// Aggregates that take a text for a number.
const OF_NUMBERS: [&str; 9] =
    ["sum", "avg", "stddev", "stddev_pop", "var", "var_pop", "corr", "covar_pop", "covar_samp"];

/// Largest expression, in parts: what repeats its arguments, inside of itself, could grow without end.
const MAX_PARTS: usize = 20_000;

/// Deepest expression that goes to the engine: its planner recurses for each level, in threads whose stacks are small.
const MAX_LEVELS: usize = 128;

struct Rewriter;

/// How deep the visitor stands.
struct Levels(usize);

impl VisitorMut for Levels {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > MAX_LEVELS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }
}

fn refuse_growth(expr: &Expr) -> Result<()> {
    let mut parts = 0;
    let counted = visit_expressions(expr, |_| {
        parts += 1;
        if parts > MAX_PARTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if counted.is_break() {
        return Err(Error::usage(format!("the SQL comes to more than {MAX_PARTS} parts"))
            .help("nest `between`, `in`, `case` and functions less deeply"));
    }
    Ok(())
}

impl VisitorMut for Rewriter {
    type Break = Error;

    /// Chains of `and` and of `or`, which the parser makes as deep as they are long, become flat.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } = expr {
            let op = op.clone();
            let chain = chain(std::mem::replace(expr, super::build::null()), &op);
            *expr = balanced(chain, &op);
        }
        ControlFlow::Continue(())
    }

    /// After its parts, so that what is made is not read again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let start = expr.span().start;
        let taken = std::mem::replace(expr, super::build::null());
        let grows = matches!(taken, Expr::Function(_) | Expr::Between { .. } | Expr::InList { .. } | Expr::Case { .. });
        let new = made(taken).and_then(|new| if grows { refuse_growth(&new).map(|()| new) } else { Ok(new) });
        match new {
            Ok(new) => {
                *expr = new;
                ControlFlow::Continue(())
            }
            Err(error) if start.line > 0 && error.place().is_none() => {
                ControlFlow::Break(error.at(format!("line {}, column {} of the SQL", start.line, start.column)))
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn made(expr: Expr) -> Result<Expr> {
    Ok(match expr {
        Expr::Function(function) => called(function)?,
        Expr::Cast { kind: CastKind::Cast | CastKind::TryCast | CastKind::DoubleColon, expr, data_type, .. } => {
            cast(*expr, &word(&data_type)?)
        }
        Expr::TypedString(typed) => cast(Expr::Value(typed.value), &word(&typed.data_type)?),
        Expr::RLike { negated: not, expr, pattern, .. } => negated(by_name("rlike", vec![*expr, *pattern])?, not),
        Expr::Extract { field, expr, .. } => by_name(&extracted(&field.to_string())?, vec![*expr])?,
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let rest = [substring_from, substring_for].into_iter().flatten().map(|part| *part);
            by_name("substring", std::iter::once(*expr).chain(rest).collect())?
        }
        Expr::Position { expr, r#in } => by_name("position", vec![*expr, *r#in])?,
        Expr::Ceil { expr, field } => by_name("ceil", ceiled(*expr, &field)?)?,
        Expr::Floor { expr, field } => by_name("floor", ceiled(*expr, &field)?)?,
        Expr::Trim { trim_where, trim_what, expr, .. } => {
            let name = match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                _ => "btrim",
            };
            let all = std::iter::once(*expr).chain(trim_what.map(|what| *what)).collect::<Vec<_>>();
            call(name, all.into_iter().map(|part| cast(part, "string")).collect())
        }
        Expr::Between { expr, negated: not, low, high } => {
            let low = binary((*expr).clone(), BinaryOperator::GtEq, *low);
            let high = binary(*expr, BinaryOperator::LtEq, *high);
            negated(nested(binary(low, BinaryOperator::And, high)), not)
        }
        Expr::InList { expr, list, negated: not } if list.len() <= MAX_LIST => negated(one_of(&expr, list), not),
        Expr::Case { operand: Some(operand), conditions, else_result, .. } => case(
            conditions
                .into_iter()
                .map(|when| (binary((*operand).clone(), BinaryOperator::Eq, when.condition), alternative(when.result)))
                .collect(),
            else_result.map(|other| alternative(*other)),
        ),
        Expr::Case { operand: None, conditions, else_result, .. } => case(
            conditions.into_iter().map(|when| (when.condition, alternative(when.result))).collect(),
            else_result.map(|other| alternative(*other)),
        ),
        Expr::UnaryOp { op: UnaryOperator::BangNot, expr } => negated(*expr, true),
        Expr::Value(value) => match value.value {
            Value::DoubleQuotedString(text) => super::build::text(&text),
            // With an exponent it is a double.
            Value::Number(digits, _) if digits.contains(['e', 'E']) => cast(super::build::text(&digits), "double"),
            _ => Expr::Value(value),
        },
        other => other,
    })
}

fn ceiled(expr: Expr, field: &CeilFloorKind) -> Result<Vec<Expr>> {
    match field {
        CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => Ok(vec![expr]),
        _ => {
            Err(Error::usage("`ceil` and `floor` take one argument here").help("divide and multiply by a power of ten"))
        }
    }
}

/// `a = x or a = y …`.
fn one_of(expr: &Expr, list: Vec<Expr>) -> Expr {
    let equal = |member| binary(expr.clone(), super::operators::member(), member);
    nested(balanced(list.into_iter().map(equal).collect(), &BinaryOperator::Or))
}

/// The sides of a chain of one operator, in their order.
fn chain(expr: Expr, of: &BinaryOperator) -> Vec<Expr> {
    let mut sides = Vec::new();
    let mut rest = expr;
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *of => {
                sides.push(*right);
                rest = *left;
            }
            first => {
                sides.push(first);
                sides.reverse();
                return sides;
            }
        }
    }
}

/// Joins sides by an operator for which brackets do not matter.
fn balanced(mut sides: Vec<Expr>, op: &BinaryOperator) -> Expr {
    while sides.len() > 1 {
        let mut pairs = sides.into_iter();
        let mut halved = Vec::new();
        while let Some(left) = pairs.next() {
            halved.push(match pairs.next() {
                Some(right) => Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) },
                None => left,
            });
        }
        sides = halved;
    }
    sides.pop().unwrap_or_else(super::build::null)
}

/// The function that gives a field of `extract`.
fn extracted(field: &str) -> Result<String> {
    let lower = field.to_ascii_lowercase();
    let name = match lower.as_str() {
        "year" | "quarter" | "month" | "day" | "hour" | "minute" | "second" => &lower,
        "week" => "weekofyear",
        "dow" | "dayofweek" => "dayofweek",
        "doy" | "dayofyear" => "dayofyear",
        _ => {
            return Err(Error::usage(format!("`{field}` cannot be extracted"))
                .expected("year, quarter, month, week, day, dayofweek, dayofyear, hour, minute or second"));
        }
    };
    Ok(name.to_owned())
}

/// A type as [`super::cast`] names it.
fn word(data_type: &DataType) -> Result<String> {
    Ok(match data_type {
        DataType::Boolean | DataType::Bool => "boolean".to_owned(),
        DataType::TinyInt(_) => "tinyint".to_owned(),
        DataType::SmallInt(_) => "smallint".to_owned(),
        DataType::Int(_) | DataType::Integer(_) => "int".to_owned(),
        DataType::BigInt(_) => "bigint".to_owned(),
        DataType::Float(_) | DataType::Real => "float".to_owned(),
        DataType::Double(_) | DataType::DoublePrecision => "double".to_owned(),
        DataType::String(_) | DataType::Varchar(_) | DataType::Char(_) | DataType::Text => "string".to_owned(),
        DataType::Binary(_) => "binary".to_owned(),
        DataType::Date => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Decimal(size) | DataType::Numeric(size) | DataType::Dec(size) => match size {
            ExactNumberInfo::None => "decimal(10,0)".to_owned(),
            ExactNumberInfo::Precision(precision) => format!("decimal({precision},0)"),
            ExactNumberInfo::PrecisionAndScale(precision, scale) => format!("decimal({precision},{scale})"),
        },
        other => match other.to_string().to_ascii_lowercase().as_str() {
            "long" => "bigint".to_owned(),
            "short" => "smallint".to_owned(),
            "byte" => "tinyint".to_owned(),
            "timestamp_ntz" | "timestamp_ltz" => "timestamp".to_owned(),
            _ => {
                return Err(Error::usage(format!("there is no cast to `{other}`")).expected(
                    "boolean, tinyint, smallint, int, bigint, float, double, decimal(p,s), string, binary, date or timestamp",
                ));
            }
        },
    })
}

/// A call that is made here, of a name in the table.
fn by_name(name: &str, args: Vec<Expr>) -> Result<Expr> {
    called(function(name, args))
}

fn called(mut function: Function) -> Result<Expr> {
    let name = function.name.to_string().replace(['`', '"'], "").to_lowercase();
    let (_, least, most, meaning) = find(&name).ok_or_else(|| refused(&name))?;
    let count = match &function.args {
        FunctionArguments::List(list) => list.args.len(),
        _ => 0,
    };
    // Several columns counted together are refused below, with what to write.
    if count < *least || count > *most && name != "count" {
        return Err(Error::usage(format!("`{name}` has {count} arguments")).expected(match (least, most) {
            (least, most) if least == most => format!("{least}"),
            (least, most) => format!("{least} to {most}"),
        }));
    }
    match meaning {
        Meaning::Whole(target) => {
            if count > *most {
                return Err(Error::usage("`count` takes one column here")
                    .help("count the rows of a subquery: select count(*) from (select distinct a, b from primary)"));
            }
            function.name = super::build::function(target, Vec::new()).name;
            if let (FunctionArguments::List(list), true) = (&mut function.args, OF_NUMBERS.contains(target)) {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                        *expr = call(super::cast::AS_NUMBER, vec![std::mem::replace(expr, super::build::null())]);
                    }
                }
            }
            if function.args == FunctionArguments::None {
                function.args = super::build::function(target, Vec::new()).args;
            }
            Ok(Expr::Function(function))
        }
        Meaning::Same(target) => Ok(call(target, plain(&name, function)?)),
        Meaning::Made(make) => {
            let aggregate = matches!(name.as_str(), "count_if" | "median" | "percentile");
            let (filter, over) = (function.filter.take(), function.over.take());
            if !aggregate && (filter.is_some() || over.is_some()) {
                return Err(Error::usage(format!("`{name}` is no aggregate: it takes neither `filter` nor `over`")));
            }
            Ok(match make(Args::new(plain(&name, function)?))? {
                Expr::Function(made) if aggregate => Expr::Function(Function { filter, over, ..made }),
                made => nested(made),
            })
        }
    }
}

/// The arguments, if they are nothing but expressions.
fn plain(name: &str, function: Function) -> Result<Vec<Expr>> {
    let list = match function.args {
        FunctionArguments::None => return Ok(Vec::new()),
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => list,
        _ => return Err(Error::usage(format!("the arguments of `{name}` are not plain expressions"))),
    };
    list.args
        .into_iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            _ => Err(Error::usage(format!("the arguments of `{name}` are not plain expressions"))),
        })
        .collect()
}
