//! What is known of a construct only as a whole: PIVOT, UNPIVOT, SUMMARIZE and DESCRIBE, which the parser is shown as a
//! call over a star (`sql::whole`).

use sqlparser::ast::FunctionArguments;

use super::block::Value;
use super::scope::Scope;
use super::{Analyzer, Step};

impl Analyzer<'_> {
    /// A PIVOT and its like: rows and columns are a function of everything that its table shows. SUMMARIZE estimates, and
    /// so depends on the order of rows.
    pub(super) fn whole(&self, scope: &Scope<'_, '_>, args: &FunctionArguments) -> Step<Value> {
        let mut parts = Vec::new();
        for input in &scope.inputs {
            parts.push(self.whole_row(input)?);
        }
        let mut value = Value::combine(&format!("whole {args}"), &parts);
        value.traits.orderless |= args.to_string().to_lowercase().contains("summarize");
        (value.calls.several, value.calls.set_returning) = (true, true);
        Ok(value)
    }
}
