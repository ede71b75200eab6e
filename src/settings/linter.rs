//! The `linter:` key of `config.yaml`: which of SQLMesh's built-in rules hold, and how strictly (research: SQLMesh,
//! section 7.9). What a rule looks for is `lint`'s.

use std::collections::BTreeSet;

use super::reader::Report;
use crate::ids::FilePath;
use crate::problem::{Problem, Severity, nearest};
use crate::yaml::{Entry, Node, Place};

/// A built-in rule of SQLMesh, by its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// `ambiguousorinvalidcolumn`: every column that a query names is one column of one input.
    AmbiguousOrInvalidColumn,
    /// `invalidselectstarexpansion`: the columns of every `SELECT *` are known without the warehouse.
    InvalidSelectStarExpansion,
    /// `noambiguousprojections`: every output column has a name that can be told from the query, and no other has it.
    NoAmbiguousProjections,
    /// `nomissingaudits`: every model has an audit.
    NoMissingAudits,
    /// `nomissingexternalmodels`: every table that is read and not owned is declared.
    NoMissingExternalModels,
    /// `nomissingunittest`: every model has a unit test.
    NoMissingUnitTest,
    /// `noselectstar`: no outermost projection is a star.
    NoSelectStar,
}

/// Which rules hold for a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linter {
    /// Whether plans ask for them; off by default.
    pub enabled: bool,
    /// Rules that must hold.
    pub errors: BTreeSet<Rule>,
    /// Rules whose violations are only shown.
    pub warnings: BTreeSet<Rule>,
}

/// What a list of rule names says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The built-in rules among them; `ALL` is all of them.
    pub rules: BTreeSet<Rule>,
    /// Names that no built-in rule has.
    pub unknown: Vec<String>,
}

impl Rule {
    /// All of them, by name.
    pub const ALL: [Self; 7] = [
        Self::AmbiguousOrInvalidColumn,
        Self::InvalidSelectStarExpansion,
        Self::NoAmbiguousProjections,
        Self::NoMissingAudits,
        Self::NoMissingExternalModels,
        Self::NoMissingUnitTest,
        Self::NoSelectStar,
    ];

    /// Its name, as SQLMesh writes it.
    pub fn name(self) -> &'static str {
        self.code().trim_start_matches("lint-")
    }

    /// The code of the problem that a violation is: `lint-` and its name.
    pub fn code(self) -> &'static str {
        match self {
            Self::AmbiguousOrInvalidColumn => "lint-ambiguousorinvalidcolumn",
            Self::InvalidSelectStarExpansion => "lint-invalidselectstarexpansion",
            Self::NoAmbiguousProjections => "lint-noambiguousprojections",
            Self::NoMissingAudits => "lint-nomissingaudits",
            Self::NoMissingExternalModels => "lint-nomissingexternalmodels",
            Self::NoMissingUnitTest => "lint-nomissingunittest",
            Self::NoSelectStar => "lint-noselectstar",
        }
    }

    /// What was perhaps meant by a name that no rule has.
    pub fn nearest(name: &str) -> Option<&'static str> {
        nearest(&name.to_lowercase(), Self::ALL.map(Self::name))
    }
}

impl Selection {
    /// Reads names, in any case.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut selection = Self::default();
        for name in names {
            let folded = name.to_lowercase();
            match Rule::ALL.into_iter().find(|rule| rule.name() == folded) {
                _ if folded == "all" => selection.rules.extend(Rule::ALL),
                Some(rule) => drop(selection.rules.insert(rule)),
                None => selection.unknown.push(name.to_owned()),
            }
        }
        selection
    }
}

impl Linter {
    /// Whether plans must look at anything.
    pub fn is_on(&self) -> bool {
        self.enabled && !self.is_empty()
    }

    /// Whether no rule holds at all.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.warnings.is_empty()
    }

    /// How grave a violation of a rule is; `None` where the rule does not hold.
    pub fn severity(&self, rule: Rule) -> Option<Severity> {
        if self.errors.contains(&rule) {
            return Some(Severity::Error);
        }
        self.warnings.contains(&rule).then_some(Severity::Warning)
    }
}

/// Whether a file holds rules of the project's own, which are Python.
pub fn is_user_rules(path: &FilePath) -> bool {
    let path = path.as_str();
    path.starts_with("linter/") && path.ends_with(".py") && !path.ends_with("__init__.py")
}

/// What a name is that no built-in rule has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownRule {
    /// A mistake.
    Mistake,
    /// Perhaps a rule of the project's own, which cannot run here.
    PerhapsOwn,
}

/// Reads the key.
pub(super) fn read(node: &Node, unknown: UnknownRule, report: &mut Report<'_>) -> Linter {
    let mut linter = Linter::default();
    let mut lists = [const { None }; 3];
    report.is_map("linter", node);
    for Entry { key, node } in node.entries() {
        match key.as_str() {
            "enabled" => {
                let choices = [("true", true), ("false", false)];
                linter.enabled = report.choice(key, node, &choices).unwrap_or_default();
            }
            "rules" => lists[0] = Some((selection(key, node, unknown, report), node.place)),
            "warn_rules" => lists[1] = Some((selection(key, node, unknown, report), node.place)),
            "ignored_rules" => lists[2] = Some((selection(key, node, unknown, report), node.place)),
            // How fast SQLMesh lints, and nothing else.
            "use_project_index" => {}
            _ => {
                let known = ["enabled", "rules", "warn_rules", "ignored_rules"];
                report.unknown("unknown-setting", "setting of `linter`", key, node.place, &known);
            }
        }
    }
    let [errors, warnings, ignored] = lists;
    let ignored = ignored.map(|(names, _)| names.selection.rules).unwrap_or_default();
    linter.errors = without(errors.as_ref(), "rules", &ignored, report);
    linter.warnings = without(warnings.as_ref(), "warn_rules", &ignored, report);
    if let Some((_, place)) = warnings {
        for rule in linter.errors.intersection(&linter.warnings) {
            let message = format!("rule `{}` cannot be in both `rules` and `warn_rules`", rule.name());
            let problem = Problem::error("invalid-setting", message);
            report.push(place, problem.help("keep it in `rules` to block plans, or in `warn_rules` to be told"));
        }
    }
    linter
}

/// One list of the key; `ALL` is remembered, because a rule that is named and ignored is a mistake, one of `ALL` is not.
struct Names {
    selection: Selection,
    named: BTreeSet<Rule>,
}

fn selection(key: &str, node: &Node, unknown: UnknownRule, report: &mut Report<'_>) -> Names {
    let texts = report.texts(key, node);
    let names = || texts.iter().map(String::as_str);
    let selection = Selection::of(names());
    for name in &selection.unknown {
        tell_unknown(name, node.place, unknown, report);
    }
    let named = Selection::of(names().filter(|name| !name.eq_ignore_ascii_case("all"))).rules;
    Names { selection, named }
}

fn tell_unknown(name: &str, place: Place, unknown: UnknownRule, report: &mut Report<'_>) {
    if unknown == UnknownRule::Mistake {
        let known = Rule::ALL.map(Rule::name);
        report.unknown("unknown-lint-rule", "rule of the linter", &name.to_lowercase(), place, &known);
        return;
    }
    let problem =
        Problem::warning("unknown-lint-rule", format!("rule `{name}` is not built in, so it is not asked for"));
    report.push(
        place,
        match Rule::nearest(name) {
            Some(near) => problem.help(format!("did you mean `{near}`? rules of `linter/*.py` cannot run here")),
            None => problem.help("rules of `linter/*.py` cannot run here"),
        },
    );
}

/// As SQLMesh reads it: rules that are ignored are not there to be named.
fn without(
    names: Option<&(Names, Place)>,
    key: &str,
    ignored: &BTreeSet<Rule>,
    report: &mut Report<'_>,
) -> BTreeSet<Rule> {
    let Some((names, place)) = names else { return BTreeSet::new() };
    for rule in names.named.intersection(ignored) {
        let message = format!("rule `{}` cannot be in both `{key}` and `ignored_rules`", rule.name());
        report.push(*place, Problem::error("invalid-setting", message).help("remove it from one of the two"));
    }
    names.selection.rules.difference(ignored).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::files::TextTree;

    fn linter(text: &str, others: &str) -> (Linter, Vec<String>) {
        let tree = TextTree::parse(&format!("\n//- config.yaml\nlinter:\n{text}{others}"));
        let (settings, problems) = crate::settings::load(&tree, &BTreeMap::new());
        let told = |problem: Problem| {
            let help = problem.help.map_or(String::new(), |help| format!(" ({help})"));
            let (line, column) = (problem.line.unwrap_or(0), problem.column.unwrap_or(0));
            format!("{:?} {line}:{column} {}{help}", problem.severity, problem.message)
        };
        (settings.linter, problems.into_iter().map(told).collect())
    }

    #[test]
    fn rules_are_named_in_any_case_and_all_of_them_by_all() {
        let (found, problems) = linter("  enabled: true\n  rules: NoSelectStar\n  warn_rules: [nomissingaudits]\n", "");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((found.enabled, found.is_on()), (true, true));
        assert_eq!(found.errors, [Rule::NoSelectStar].into());
        assert_eq!(found.severity(Rule::NoMissingAudits), Some(Severity::Warning));
        assert_eq!(found.severity(Rule::NoMissingUnitTest), None);
        let (found, problems) =
            linter("  rules: ALL\n  ignored_rules: [NoSelectStar]\n  use_project_index: true\n", "");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((found.errors.len(), found.severity(Rule::NoSelectStar)), (Rule::ALL.len() - 1, None));
        assert!(!found.is_on() && !found.is_empty(), "off unless it is enabled");
        assert!(!linter("  enabled: true\n", "").0.is_on(), "without a rule there is nothing to look at");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let (_, problems) = linter("  rules: [noselectstar]\n  warn_rules: [ALL]\n", "");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("Error 3:3 rule `noselectstar` cannot be in both `rules` and `warn_rules`"));
        let (_, problems) = linter("  rules: [noselectstar]\n  ignored_rules: [noselectstar]\n", "");
        assert!(problems[0].contains("in both `rules` and `ignored_rules`"), "{problems:?}");
        let (_, problems) = linter("  enabled: perhaps\n  rule: [noselectstar]\n", "");
        assert!(problems.iter().any(|problem| problem.contains("did you mean `rules`?")), "{problems:?}");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn an_unknown_rule_is_a_mistake_unless_the_project_has_its_own() {
        let (_, problems) = linter("  rules: [noselectstars]\n", "");
        let expected = "Error 2:3 `noselectstars` is no rule of the linter (did you mean `noselectstar`?)";
        assert_eq!(problems, [expected]);
        let (_, problems) = linter("  rules: [our_rule]\n", "//- linter/user.py\nclass OurRule(Rule): ...\n");
        let expected = "Warning 2:3 rule `our_rule` is not built in, so it is not asked for (rules of `linter/*.py` \
                        cannot run here)";
        assert_eq!(problems, [expected]);
        let (_, problems) = linter("  rules: [our_rule]\n", "//- linter/__init__.py\n\n");
        assert!(problems[0].starts_with("Error"), "{problems:?}");
    }

    #[test]
    fn names_of_rules_are_sqlmeshs() {
        for rule in Rule::ALL {
            assert_eq!(rule.name(), format!("{rule:?}").to_lowercase());
        }
    }
}
