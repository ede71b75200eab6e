//! Whose an aggregate is. One whose arguments are columns of blocks around its own only belongs to the nearest of those
//! (SQL:2016 6.9, `<set function specification>`): it makes that block an aggregating one, whose rows are groups, and is
//! a constant to the block that it is written in. What DuckDB 1.5.6 was seen to do so is modelled, and nothing is guessed:
//! every other place, every other dialect and every unclear name is refused.

use super::block::{Calls, Value};
use super::scope::Scope;
use super::{Analyzer, Step};
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    /// Decides whose the aggregate over these arguments is: of the scope's block, or of one around it.
    pub(super) fn place_aggregate(&self, scope: &Scope<'_, 'q>, calls: &mut Calls) -> Step<()> {
        let Calls { own, outer, unsure, subquery, lent, .. } = *calls;
        let known = self.dialect == Dialect::DuckDb;
        if unsure || lent || (subquery && scope.outer.is_some() && !known) {
            return Err(unplaced());
        }
        match outer {
            None => calls.aggregate = true,
            // A query among the arguments counts as theirs only if it reads this block, which is not told here.
            Some(_) if subquery => return Err(unplaced()),
            Some(_) if own => calls.aggregate = true,
            Some(distance) if known => {
                scope.lend(distance)?;
                calls.lent = true;
            }
            Some(_) => return Err(unplaced()),
        }
        Ok(())
    }
}

/// Which blocks the aggregates of a query belong to, as seen from a block around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lent {
    /// Blocks of the query alone.
    #[default]
    Nothing,
    /// One further out than this block.
    Further,
    /// This block.
    Here,
}

impl Scope<'_, '_> {
    /// Marks the block that an aggregate belongs to, so many blocks out, and those between.
    fn lend(&self, distance: u32) -> Step<()> {
        let mut block = self;
        for step in 1..=distance {
            block = block.outer.ok_or_else(unplaced)?;
            let lent = if step == distance { Lent::Here } else { Lent::Further };
            block.lent.set(block.lent.get().max(lent));
        }
        Ok(())
    }

    /// Resolves a query that sees this block, and tells what aggregates it holds of this block and those around.
    pub(super) fn lent_by<T>(&self, resolve: impl FnOnce() -> Step<T>) -> Step<(T, Lent)> {
        let before = self.lent.take();
        let resolved = resolve()?;
        Ok((resolved, self.lent.replace(before)))
    }
}

/// For clauses where DuckDB refuses an aggregate of another block, or mixes it up.
pub(super) fn refuse_lent<'v>(values: impl IntoIterator<Item = &'v Value>) -> Step<()> {
    if values.into_iter().any(|value| value.calls.lent) { Err(unplaced()) } else { Ok(()) }
}

pub(super) fn unplaced() -> Opaque {
    Opaque::construct("an aggregate over an outer query's columns only")
}
