//! Pieces of SQL, made.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    Ident, ObjectName, ObjectNamePart, UnaryOperator, Value,
};

pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(function(name, args))
}

pub(super) fn function(name: &str, args: Vec<Expr>) -> Function {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

pub(super) fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

pub(super) fn whole(value: i64) -> Expr {
    if value < 0 {
        return Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(whole(-value)) };
    }
    Expr::Value(Value::Number(value.to_string(), false).into())
}

pub(super) fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// A cast with Spark's meaning; `to` is one of the words of [`super::cast`].
pub(super) fn cast(expr: Expr, to: &str) -> Expr {
    call(super::cast::NAME, vec![expr, text(to)])
}

pub(super) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    nested(Expr::BinaryOp { left: Box::new(nested(left)), op, right: Box::new(nested(right)) })
}

pub(super) fn nested(expr: Expr) -> Expr {
    match expr {
        done @ (Expr::Nested(_) | Expr::Value(_) | Expr::Identifier(_) | Expr::Function(_)) => done,
        other => Expr::Nested(Box::new(other)),
    }
}

pub(super) fn not(expr: Expr) -> Expr {
    nested(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(nested(expr)) })
}

pub(super) fn minus(expr: Expr) -> Expr {
    nested(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(nested(expr)) })
}

pub(super) fn is_null(expr: Expr) -> Expr {
    nested(Expr::IsNull(Box::new(nested(expr))))
}

pub(super) fn is_not_null(expr: Expr) -> Expr {
    nested(Expr::IsNotNull(Box::new(nested(expr))))
}

/// `CASE WHEN … THEN … ELSE … END`.
pub(super) fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: branches.into_iter().map(|(condition, result)| CaseWhen { condition, result }).collect(),
        else_result: otherwise.map(Box::new),
    }
}
