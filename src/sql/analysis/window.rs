//! Window calls: PARTITION BY, ORDER BY and frame, named windows put in their place.

use std::collections::BTreeSet;

use sqlparser::ast::{self, NamedWindowExpr, WindowFrameBound, WindowFrameUnits, WindowType};

use super::aggregate::refuse_lent;
use super::block::Value;
use super::query::sort_key;
use super::scope::{Names, Scope};
use super::select::unordered;
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::{FunctionClass, Opaque};

/// A window with its names replaced by definitions.
#[derive(Clone, Default)]
struct Window {
    partition: Vec<Value>,
    order: Vec<Value>,
    frame: Option<(String, Vec<Value>)>,
    counts_rows: bool,
}

impl<'q> Analyzer<'_> {
    pub(super) fn windowed(
        &self,
        scope: &Scope<'_, 'q>,
        (name, class): (&str, FunctionClass),
        tag: &str,
        mut parts: Vec<Value>,
        (window, sorted): (&'q WindowType, bool),
        names: Names,
    ) -> Step<Value> {
        if matches!(
            class,
            FunctionClass::Scalar
                | FunctionClass::Volatile
                | FunctionClass::Stable
                | FunctionClass::Keyword
                | FunctionClass::Set
        ) {
            return Err(Opaque::Function(format!("{name} with OVER")));
        }
        let window = self.window(scope, window, names, 0)?;
        let keys: BTreeSet<_> = window.partition.iter().map(|value| value.hash).collect();
        let listed = unordered(window.partition.iter().map(|value| (value.hash, value.traits)));
        let partition = listed.iter().fold(Hasher::new("partition"), |hasher, key| hasher.digest(*key)).finish();
        let (frame, bounds) = window.frame.unwrap_or_default();
        let tag = format!("{tag} over {} {} {frame}", window.order.len(), bounds.len());
        let ordered = !window.order.is_empty();
        parts.extend(window.order);
        parts.extend(bounds);
        refuse_lent(parts.iter().chain(&window.partition))?;
        let mut value = Value::combine(&tag, &parts);
        value.hash = Hasher::new("window").digest(value.hash).digest(partition).finish();
        let mut everything = Value::made_of(value.hash, std::iter::once(&value).chain(&window.partition));
        everything.calls.partitions.push(keys);
        everything.ground = everything.hash;
        let by_order = matches!(class, FunctionClass::Window | FunctionClass::Orderless) || window.counts_rows;
        if by_order && !sorted {
            if ordered {
                self.assume(format!("the ORDER BY of the window of {name} is total"));
            } else {
                everything.traits.orderless = true;
            }
        }
        Ok(everything)
    }

    fn window(&self, scope: &Scope<'_, 'q>, window: &'q WindowType, names: Names, depth: u32) -> Step<Window> {
        match window {
            WindowType::NamedWindow(name) => self.named_window(scope, name, names, depth),
            WindowType::WindowSpec(specification) => self.window_of(scope, specification, names, depth),
        }
    }

    fn named_window(&self, scope: &Scope<'_, 'q>, name: &ast::Ident, names: Names, depth: u32) -> Step<Window> {
        let folded = self.fold(name);
        let mut found = scope.windows.iter().filter(|(known, _)| *known == folded);
        let (Some((_, definition)), None, true) = (found.next(), found.next(), depth < 20) else {
            return Err(Opaque::Name(name.value.clone()));
        };
        match definition {
            NamedWindowExpr::NamedWindow(other) => self.named_window(scope, other, names, depth + 1),
            NamedWindowExpr::WindowSpec(specification) => self.window_of(scope, specification, names, depth + 1),
        }
    }

    fn window_of(
        &self,
        scope: &Scope<'_, 'q>,
        specification: &'q ast::WindowSpec,
        names: Names,
        depth: u32,
    ) -> Step<Window> {
        let ast::WindowSpec { window_name, partition_by, order_by, window_frame } = specification;
        let mut window = match window_name {
            Some(name) => self.named_window(scope, name, names, depth + 1)?,
            None => Window::default(),
        };
        for expression in partition_by {
            window.partition.push(self.expression(scope, expression, names)?);
        }
        for ast::OrderByExpr { expr, options, with_fill } in order_by {
            // A number is no ordinal here, but a constant.
            if with_fill.is_some() {
                return Err(Opaque::construct("a fill in the ORDER BY of a window"));
            }
            window.order.push(sort_key(self.expression(scope, expr, names)?, options)?);
        }
        if let Some(ast::WindowFrame { units, start_bound, end_bound }) = window_frame {
            let mut values = Vec::new();
            let mut shape = format!("{units}");
            for bound in std::iter::once(start_bound).chain(end_bound) {
                let (word, expression) = match bound {
                    WindowFrameBound::CurrentRow => ("current", None),
                    WindowFrameBound::Preceding(expression) => ("preceding", expression.as_deref()),
                    WindowFrameBound::Following(expression) => ("following", expression.as_deref()),
                };
                shape.push_str(&format!(" {word} {}", expression.is_some()));
                values.extend(expression.map(|expression| self.expression(scope, expression, names)).transpose()?);
            }
            window.counts_rows = !matches!(units, WindowFrameUnits::Range);
            window.frame = Some((shape, values));
        }
        Ok(window)
    }
}
