//! Places to edit: a random query, select, expression or input of a random model that fits.

use super::grow::{Grow, Names};
use super::ir::*;
use super::random::Choices;
use super::shape::{Ctes, EXTERNALS, Shapes};
use super::walk;

/// A project under edit.
pub(crate) struct Desk<'a> {
    pub(crate) project: &'a mut Project,
    pub(crate) choices: &'a mut Choices,
    pub(crate) shapes: Shapes,
    /// The model that was edited, for edits of two branches alike.
    pub(crate) touched: Option<String>,
}

impl Desk<'_> {
    pub(crate) fn names(&self) -> Vec<String> {
        self.project.models.keys().cloned().collect()
    }

    pub(crate) fn some_model(&mut self, fits: &dyn Fn(&Model) -> bool) -> Option<String> {
        let names: Vec<String> =
            self.project.models.iter().filter(|(_, model)| fits(model)).map(|(name, _)| name.clone()).collect();
        let name = self.choices.pick(&names)?.clone();
        self.touched = Some(name.clone());
        Some(name)
    }

    pub(crate) fn change_model(
        &mut self,
        fits: &dyn Fn(&Model) -> bool,
        act: &mut dyn FnMut(&mut Model, &mut Choices) -> bool,
    ) -> bool {
        let Some(name) = self.some_model(fits) else { return false };
        let model = self.project.models.get_mut(&name);
        model.is_some_and(|model| act(model, self.choices))
    }

    /// Changes one query that fits, at any depth.
    pub(crate) fn change_query(
        &mut self,
        fits: &dyn Fn(&Query) -> bool,
        act: &mut dyn FnMut(&mut Query, &mut Grow<'_>),
    ) -> bool {
        self.change(&|query| count_queries(query, fits), &mut |query, chosen, grow| {
            let mut place = 0;
            walk::queries(query, &mut |query| {
                if fits(query) {
                    if place == chosen {
                        act(query, grow);
                    }
                    place += 1;
                }
            });
        })
    }

    pub(crate) fn change_select(
        &mut self,
        fits: &dyn Fn(&Select) -> bool,
        act: &mut dyn FnMut(&mut Select, &mut Grow<'_>, &Names),
    ) -> bool {
        let shapes = self.shapes.clone();
        let count = |query: &Query| {
            let mut count = 0;
            walk::selects(&mut query.clone(), &mut |select| count += usize::from(fits(select)));
            count
        };
        self.change(&count, &mut |query, chosen, grow| {
            let ctes = shapes.with_ctes(query, &Ctes::new());
            let mut place = 0;
            walk::selects(query, &mut |select| {
                if fits(select) {
                    if place == chosen {
                        let names = grow.names(select, &ctes);
                        act(select, grow, &names);
                    }
                    place += 1;
                }
            });
        })
    }

    /// Changes one expression that fits, with what may be named where it stands.
    pub(crate) fn change_expression(
        &mut self,
        fits: &dyn Fn(&Expr) -> bool,
        act: &mut dyn FnMut(&mut Expr, &mut Grow<'_>, &Names),
    ) -> bool {
        let count = |select: &Select| {
            let mut count = 0;
            walk::own_expressions(&mut select.clone(), &mut |value| count += usize::from(fits(value)));
            count
        };
        self.change_select(&|select| count(select) > 0, &mut |select, grow, names| {
            let chosen = grow.choices.below(count(select));
            let mut place = 0;
            walk::own_expressions(select, &mut |value| {
                if place == chosen + 1_000_000 {
                    return;
                }
                if fits(value) {
                    if place == chosen {
                        act(value, grow, names);
                        place = 1_000_000;
                    }
                    place += 1;
                }
            });
        })
    }

    fn change(
        &mut self,
        count: &dyn Fn(&Query) -> usize,
        act: &mut dyn FnMut(&mut Query, usize, &mut Grow<'_>),
    ) -> bool {
        let counts: Vec<(String, usize)> = self
            .project
            .models
            .iter()
            .map(|(name, model)| (name.clone(), count(&model.query)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let Some((name, count)) = self.choices.pick(&counts).cloned() else { return false };
        self.touched = Some(name.clone());
        let (tables, draws) = (tables_before(self.project, &name), self.project.draws);
        let chosen = self.choices.below(count);
        let Some(model) = self.project.models.get_mut(&name) else { return false };
        let mut grow = Grow { choices: self.choices, shapes: &self.shapes, tables: &tables, draws };
        act(&mut model.query, chosen, &mut grow);
        true
    }

    /// Follows a renamed column in everything that reads the model by that name.
    pub(crate) fn rename_in_readers(&mut self, model: &str, old: &str, new: &str) {
        for (reader, other) in &mut self.project.models {
            if reader == model {
                continue;
            }
            walk::selects(&mut other.query, &mut |select| {
                let inputs: Vec<String> = select
                    .from
                    .iter()
                    .filter(|input| input.relation == Relation::Table(model.to_owned()) && input.columns.is_empty())
                    .map(|input| input.name().to_owned())
                    .collect();
                if inputs.is_empty() {
                    return;
                }
                let alone = select.from.len() == 1;
                walk::own_expressions(select, &mut |value| {
                    if let Expr::Column { input, name, .. } = value {
                        let hit = input.as_ref().map_or(alone, |input| inputs.contains(input));
                        if hit && name.eq_ignore_ascii_case(old) {
                            new.clone_into(name);
                        }
                    }
                });
                for input in &mut select.from {
                    if let On::Using(names) = &mut input.on {
                        names
                            .iter_mut()
                            .filter(|name| name.eq_ignore_ascii_case(old))
                            .for_each(|name| new.clone_into(name));
                    }
                }
                for item in &mut select.items {
                    if let Item::Star { exclude, replace, rename, .. } = item {
                        let listed = exclude
                            .iter_mut()
                            .chain(replace.iter_mut().map(|(name, _)| name))
                            .chain(rename.iter_mut().map(|(name, _)| name));
                        listed.filter(|name| name.eq_ignore_ascii_case(old)).for_each(|name| new.clone_into(name));
                    }
                }
            });
        }
    }
}

fn count_queries(query: &Query, fits: &dyn Fn(&Query) -> bool) -> usize {
    let mut count = 0;
    walk::queries(&mut query.clone(), &mut |query| count += usize::from(fits(query)));
    count
}

/// What a model may read: tables that no model owns, and models of a lower number.
pub(crate) fn tables_before(project: &Project, name: &str) -> Vec<String> {
    let mut tables: Vec<String> = EXTERNALS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut known: Vec<String> =
        project.models.keys().filter(|known| super::plant::is_before(known, name)).cloned().collect();
    known.sort_by_key(|known| super::plant::number(known));
    tables.extend(known);
    tables
}
