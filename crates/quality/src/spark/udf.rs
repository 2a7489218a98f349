//! Scalar functions of ours, each a name, a type and a kernel.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

type Typed = fn(&[FieldRef], &[Option<&ScalarValue>]) -> Result<DataType>;
type Kernel = fn(&[ArrayRef], &DataType) -> Result<ArrayRef>;

/// A function: kernels see arrays of equal length, whatever was constant.
#[derive(Debug)]
pub(super) struct Own {
    name: &'static str,
    typed: Typed,
    kernel: Kernel,
    signature: Signature,
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Own {}

impl Hash for Own {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Own {
    /// Whether it gives a value back unchanged that has the type already.
    fn keeps_type(&self) -> bool {
        [super::cast::NAME, super::cast::AS_NUMBER].contains(&self.name)
    }
}

/// A function whose type depends on its arguments.
pub(super) fn typed(name: &'static str, typed: Typed, kernel: Kernel) -> Arc<ScalarUDF> {
    let signature = Signature::variadic_any(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Own { name, typed, kernel, signature }))
}

impl ScalarUDFImpl for Own {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(exec_datafusion_err!("the type of {} depends on its arguments", self.name))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let data_type = (self.typed)(args.arg_fields, args.scalar_arguments)?;
        let nullable = match args.arg_fields.first() {
            Some(first) if self.keeps_type() && *first.data_type() == data_type => first.is_nullable(),
            _ => true,
        };
        Ok(Arc::new(arrow::datatypes::Field::new(self.name, data_type, nullable)))
    }

    /// A cast to the type that a value has is the value: what is planned over columns alone can be pushed down.
    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let from = args.first().map(|first| info.get_data_type(first)).transpose()?;
        let to = match args.get(1) {
            _ if !self.keeps_type() => None,
            None => from.clone().filter(|from| from.is_numeric()),
            Some(Expr::Literal(ScalarValue::Utf8(Some(word)), _)) => super::cast::named(word),
            Some(_) => None,
        };
        if from.is_some() && from == to && !args.is_empty() {
            return Ok(ExprSimplifyResult::Simplified(args.swap_remove(0)));
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let result = (self.kernel)(&arrays, args.return_field.data_type())?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The argument of that number; planning has checked how many there are.
pub(super) fn argument(args: &[ArrayRef], index: usize) -> Result<&ArrayRef> {
    args.get(index).ok_or_else(|| exec_datafusion_err!("argument {} is missing", index + 1))
}

/// An argument as text, with Spark's spelling of what is none.
pub(super) fn texts(args: &[ArrayRef], index: usize) -> Result<StringArray> {
    let cast = super::cast::array(argument(args, index)?, &DataType::Utf8)?;
    Ok(cast.as_string::<i32>().clone())
}

/// An argument as whole numbers.
pub(super) fn wholes(args: &[ArrayRef], index: usize) -> Result<arrow::array::Int64Array> {
    let cast = super::cast::array(argument(args, index)?, &DataType::Int64)?;
    Ok(cast.as_primitive::<arrow::datatypes::Int64Type>().clone())
}

/// A text at a row; `None` for NULL.
pub(super) fn at(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}
