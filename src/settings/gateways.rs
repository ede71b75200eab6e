//! Which gateways pull requests and production go through, so that two roles can stand before one warehouse.

use super::jinja::UNSET;
use super::reader::Report;
use super::{Settings, own::set};
use crate::yaml::{Node, Value};

/// `gateways` of `offshoot.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartGateways {
    /// Through which pull requests are built.
    pub ci: Option<String>,
    /// Through which production is written.
    pub prod: Option<String>,
}

/// Whose work a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What pull requests bring is built: their SQL is nobody's yet.
    PullRequests,
    /// Production is written.
    Production,
}

/// Which gateway somebody means who does not take the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one of this name.
    Named(&'a str),
    /// The one that this part of the work goes through.
    For(Part),
}

/// What stands for the names where `offshoot.yaml` cannot be read, so that nobody goes through another gateway instead. No
/// gateway is called so.
const UNREADABLE: &str = "named in an `offshoot.yaml` that cannot be read";

impl PartGateways {
    /// Those of a file that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self { ci: Some(UNREADABLE.to_owned()), prod: Some(UNREADABLE.to_owned()) }
    }

    /// The gateway of a part; `None` where the default one does.
    pub fn of(&self, part: Part) -> Option<&str> {
        match part {
            Part::PullRequests => self.ci.as_deref(),
            Part::Production => self.prod.as_deref(),
        }
    }
}

impl Settings {
    /// The role that pull requests are built as, where they have a gateway of their own on PostgreSQL.
    pub fn outsider(&self) -> Option<&str> {
        let gateway = self.own.gateways.of(Part::PullRequests)?;
        let connection = self.connection(Some(gateway)).ok().filter(|connection| connection.kind == "postgres")?;
        let role = connection.text("role").or_else(|| connection.text("user"))?;
        // Whoever cannot tell which role it is must not take it for none.
        Some(if role.contains(UNSET) { "of a variable that is not set" } else { role })
    }

    /// The name of the gateway that somebody means; `None` for a configuration without any.
    pub fn gateway_meant<'a>(&'a self, wanted: Option<Wanted<'a>>) -> Option<&'a str> {
        self.gateway_name(match wanted {
            Some(Wanted::Named(name)) => Some(name),
            Some(Wanted::For(part)) => self.own.gateways.of(part),
            None => None,
        })
    }
}

/// Reads `gateways`; `known` are the names that `config.yaml` has. A name that it has not stays: nobody may go through the
/// default gateway in its place.
pub(super) fn read(node: &Node, gateways: &mut PartGateways, known: &[&str], report: &mut Report<'_>) {
    if !report.is_map("gateways", node) {
        *gateways = PartGateways::unreadable();
    }
    for entry in node.entries() {
        let place = match entry.key.as_str() {
            "ci" => &mut gateways.ci,
            "prod" => &mut gateways.prod,
            key => {
                report.unknown("unknown-setting", "setting of `gateways`", key, entry.node.place, &["ci", "prod"]);
                continue;
            }
        };
        let name = report.text(&entry.key, &entry.node).map(|name| name.to_lowercase());
        if let Some(name) = name.as_deref().filter(|name| !known.contains(name)) {
            report.unknown("unknown-gateway", "gateway of `config.yaml`", name, entry.node.place, known);
        }
        let unreadable = (name.is_none() && entry.node.value != Value::Null).then(|| UNREADABLE.to_owned());
        set(place, name.or(unreadable).map(Some));
    }
}
