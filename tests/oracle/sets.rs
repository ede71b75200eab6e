//! The same two trees over several data sets: what the program keeps and what the generator's graph calls out of reach
//! must not differ on any, what that graph calls reached should differ on some.

use std::collections::BTreeMap;

use super::clean::Clean;
use super::ir::Project;
use super::judge::drawn;
use super::random::Choices;
use super::reach::marks;
use super::report::Report;
use super::warehouse::Warehouse;

/// Further warehouses in which the tables that nobody owns hold other rows.
pub(crate) struct DataSets {
    warehouses: Vec<Warehouse>,
}

/// One edit of one branch.
pub(crate) struct Step<'a> {
    pub(crate) before: &'a Project,
    pub(crate) after: &'a Project,
    /// Whether the program gives a model the same fingerprint before and after.
    pub(crate) kept: &'a dyn Fn(&str) -> bool,
    /// Whether a model differs on the data set of the run itself.
    pub(crate) moved: &'a dyn Fn(&str) -> bool,
}

pub(crate) const COUNT: usize = 2;

impl DataSets {
    pub(crate) fn new(choices: &mut Choices) -> Self {
        Self { warehouses: (0..COUNT).map(|_| Warehouse::new(choices).expect("DuckDB opens in memory")).collect() }
    }

    pub(crate) fn check(&mut self, step: &Step<'_>, report: &mut Report) {
        let Step { before, after, kept, moved } = step;
        let builds: Vec<_> = self
            .warehouses
            .iter_mut()
            .filter_map(|warehouse| Some((warehouse.build_clean(before).ok()?, warehouse.build_clean(after).ok()?)))
            .collect();
        if builds.len() < COUNT {
            return;
        }
        report.checked_edits += 1;
        let (old, new, drawn) = (marks(before), marks(after), drawn(after));
        for name in after.models.keys().filter(|name| before.models.contains_key(*name) && !drawn.contains(*name)) {
            let differs = builds.iter().filter(|(one, two)| !one[name].content.is_like(&two[name].content)).count();
            if kept(name) && differs > 0 {
                report.unsound.push(told(name, "is kept", &builds));
            }
            if old[name].table == new[name].table {
                report.out_of_reach += builds.len() as u64 + 1;
                if differs > 0 {
                    report.misled.push(told(name, "is called out of reach", &builds));
                }
            } else {
                report.called_reached += 1;
                report.reached_and_differs += u64::from(differs > 0 || moved(name));
            }
        }
    }
}

type Builds = [(BTreeMap<String, Clean>, BTreeMap<String, Clean>)];

fn told(name: &str, what: &str, builds: &Builds) -> String {
    let mut text = format!("{name} {what} and differs on another data set");
    for (before, after) in builds {
        for side in [before, after] {
            text.push_str(&format!("\n{}\n{}", side[name].content.told(), side[name].text));
        }
    }
    text
}
