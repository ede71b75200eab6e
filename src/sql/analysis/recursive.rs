//! Recursive CTEs, hashed whole: rows and all columns of both terms, the CTE's own columns by their place (research:
//! soundness, W6). A term whose shape is not `first UNION [ALL] step` stays opaque.

use std::cell::OnceCell;
use std::rc::Rc;

use sqlparser::ast::{self, SetExpr, SetOperator, SetQuantifier};

use super::block::{Block, Column};
use super::query::{Place, Role, mentions};
use super::scope::{Cte, CteLink};
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::Opaque;
use crate::sql::shape::{Reads, Traits};

impl<'q> Analyzer<'_> {
    /// The block of a CTE that names itself.
    pub(super) fn recursive(&self, cte: &Cte<'q>) -> Step<Block> {
        let ast::Cte { alias, query, from: _, materialized: _, closing_paren_token: _ } = cte.definition;
        let (first, all, step) = terms(query)?;
        if mentions(first, &cte.name) {
            return Err(Opaque::construct("a recursive CTE whose first term names itself"));
        }
        let place = Place { outer: None, ctes: cte.before.clone(), site: cte.site, role: Role::Inner };
        let mut first = self.body(first, &place, None)?.0;
        if first.is_open() {
            return Err(Opaque::construct("a recursive CTE over unknown columns"));
        }
        self.rename_columns(&mut first.columns, alias)?;
        let itself = self.itself(&first);
        let known = Cte {
            name: cte.name.clone(),
            definition: cte.definition,
            before: cte.before.clone(),
            site: cte.site,
            recursive: false,
            resolved: OnceCell::from(itself),
        };
        let ctes = Some(Rc::new(CteLink { cte: known, next: cte.before.clone() }));
        self.recursions.set(self.recursions.get() + 1);
        let step = self.body(step, &Place { ctes, ..place }, None);
        self.recursions.set(self.recursions.get() - 1);
        whole(first, step?.0, all)
    }

    /// What the step sees of the rows before it: columns by their place. How deep recursions are nested tells an inner
    /// one's from an outer one's.
    fn itself(&self, first: &Block) -> Block {
        let depth = u64::from(self.recursions.get());
        let column = |(place, column): (usize, &Column)| Column {
            name: column.name.clone(),
            hash: Hasher::new("recursion").number(depth).number(place as u64).finish(),
            traits: Traits { untyped: false, ..column.traits },
            reads: Reads::new(),
        };
        Block {
            rows: Hasher::new("recursion").number(depth).finish(),
            row_traits: first.row_traits,
            row_reads: Reads::new(),
            columns: first.columns.iter().enumerate().map(column).collect(),
        }
    }
}

fn whole(first: Block, step: Block, all: bool) -> Step<Block> {
    if first.columns.len() != step.columns.len() || step.is_open() {
        return Err(Opaque::construct("a recursive CTE over different numbers of columns"));
    }
    let traits = first.all_traits().and(step.all_traits());
    if traits.interval {
        return Err(Opaque::construct("a recursive CTE that mentions the interval"));
    }
    let tag = if all { "recursive all" } else { "recursive" };
    let rows = Hasher::new(tag).digest(first.content()).digest(step.content()).finish();
    let reads: Reads = first.all_reads().union(&step.all_reads()).cloned().collect();
    let columns = first.columns.into_iter().enumerate().map(|(place, column)| Column {
        name: column.name,
        hash: Hasher::new("recursive column").digest(rows).number(place as u64).finish(),
        traits: Traits { untyped: false, ..traits },
        reads: reads.clone(),
    });
    Ok(Block { rows, row_traits: traits, row_reads: reads.clone(), columns: columns.collect() })
}

fn terms(query: &ast::Query) -> Step<(&SetExpr, bool, &SetExpr)> {
    let odd = || Opaque::construct("a recursive CTE with more than two terms");
    let ast::Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators,
    } = query
    else {
        return Err(odd());
    };
    let SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } = body.as_ref() else {
        return Err(odd());
    };
    let all = match set_quantifier {
        SetQuantifier::All => true,
        SetQuantifier::None | SetQuantifier::Distinct => false,
        SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => return Err(odd()),
    };
    if locks.is_empty() && pipe_operators.is_empty() { Ok((left, all, right)) } else { Err(odd()) }
}
