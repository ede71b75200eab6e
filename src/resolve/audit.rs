//! An audit's query as it runs: over a model's rows, and over the tables of the models that it names.

use super::place::Reading;
use super::{Inlined, ResolveError, Resolver, StandIn, Times};
use crate::audit::{Audit, Failing, THIS_MODEL};
use crate::ids::ModelName;
use crate::sql::{Placeholder, Relation, Splice, TimeVariable, Token, TokenKind, tokenize};
use crate::statement::with_parents;

impl Resolver<'_> {
    /// The query of the rows that fail an audit, of what stands in a FROM clause for its model.
    ///
    /// # Errors
    /// As [`Resolver::model`], of the models that an audit of the project's own names.
    pub fn audit(
        &self,
        model: &ModelName,
        audit: &Audit,
        (this_model, times): (&str, Times),
    ) -> Result<String, ResolveError> {
        let query = match audit.failing(this_model) {
            Failing::Text(text) => return Ok(self.with_arguments(&text, model, (this_model, times))),
            Failing::Own(query) => query,
        };
        // Production would be read from every environment.
        self.refuse_names_in_texts(model, query)?;
        let reading = Reading { this_model: Some(this_model), ..Reading::of(model, query) };
        let mut inlined = Inlined::new(StandIn::Cte);
        let text = self.text(&reading, times, &mut inlined)?;
        let text = with_parents(self.dialect, &text, &inlined.parents);
        Ok(self.with_arguments(&text, model, (this_model, times)))
    }

    /// Arguments of a call keep what is only known when it runs: `max_v := @end_date`. Strings and comments stay as they are.
    fn with_arguments(&self, text: &str, model: &ModelName, (this_model, times): (&str, Times)) -> String {
        let Ok(tokens) = tokenize(text, self.dialect) else { return text.to_owned() };
        if !text.contains('@') {
            return text.to_owned();
        }
        let mut output = String::with_capacity(text.len());
        let mut copied = 0;
        for (place, token) in tokens.iter().enumerate() {
            let Some((name, end)) = name_at(token, tokens.get(place + 1)) else { continue };
            let value = match TimeVariable::from_name(name) {
                Some(variable) => self.filled(Placeholder::Time(variable), model, times),
                None if name.eq_ignore_ascii_case("this_model") => this_model.to_owned(),
                None => continue,
            };
            output.push_str(text.get(copied..token.range.start).unwrap_or_default());
            output.push_str(&value);
            copied = end;
        }
        output.push_str(text.get(copied..).unwrap_or_default());
        output
    }
}

/// The name behind an `@`, and where it ends: dialects cut it into one word or two.
fn name_at<'t>(token: &'t Token, next: Option<&'t Token>) -> Option<(&'t str, usize)> {
    let word = |token: &'t Token| match &token.kind {
        TokenKind::Word { value, quote: None } => Some(value.as_str()),
        _ => None,
    };
    match token.is_symbol("@") {
        true => next.and_then(|next| Some((word(next)?, next.range.end))),
        false => Some((word(token)?.strip_prefix('@')?, token.range.end)),
    }
}

/// The alias of a model's rows, where the author gives none: some engines take no query without one in FROM.
pub(super) fn alias(reading: &Reading<'_>, relation: &Relation) -> Option<Splice> {
    let is_this = matches!(relation.name.parts(), [name] if name.eq_ignore_ascii_case(THIS_MODEL));
    let is_bare = reading.this_model.is_some() && relation.implied_alias.is_some();
    let end = relation.range.end;
    (is_this && is_bare).then(|| Splice { range: end..end, replacement: " AS this_model".to_owned() })
}
