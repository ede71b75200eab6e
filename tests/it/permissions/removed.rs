//! Each right of the page taken back in turn: a command says which is missing and how it is given, and what people see stays.

use std::collections::BTreeMap;

use offshoot::error::Exit;

use super::document::{Block, Given, given};
use super::{FILES, Walled};
use crate::lab::edit;
use crate::world::Ran;

const APPLY: &[&str] = &["apply", "--jobs", "1"];
const PROMOTE: &[&str] = &["promote", "--jobs", "1"];
const QUERY: &[&str] = &["query", "--env", "prod", "SELECT pieces FROM marts.shown"];
const PLAN: &[&str] = &["plan"];
const DIFF: &[&str] = &["diff", "side"];
const DOCTOR: &[&str] = &["doctor"];

/// The command that needs a right.
fn needs(block: Block, grant: &str) -> &'static [&'static str] {
    let of = |part: &str| grant.contains(part);
    match block {
        Block::Setup if of("offshoot_ci TO offshoot_prod") => PROMOTE,
        Block::Setup if of("offshoot_state") => PLAN,
        Block::Given if of("SCHEMA marts ") => QUERY,
        Block::Reader if of("SCHEMA offshoot TO") => PLAN,
        Block::Reader if of("SCHEMA offshoot__meta TO") => DOCTOR,
        Block::Reader if of("SCHEMA offshoot__marts TO") => DIFF,
        Block::Reader => QUERY,
        _ => APPLY,
    }
}

/// Everything that people see.
fn seen(walled: &Walled) -> (BTreeMap<String, Vec<String>>, String) {
    let views = walled.rows(
        "SELECT schemaname || '.' || viewname, definition FROM pg_views WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    );
    let shown = walled.shared().shown("");
    let history = walled.rows("SELECT plan_id, models FROM offshoot.history ORDER BY 1");
    (shown, format!("{views:?}{history:?}"))
}

/// What was said, without what is another in each run.
fn said(walled: &Walled, ran: &Ran) -> String {
    let all = walled.on_page(&format!("{}{}", ran.stderr, ran.stdout));
    let port = walled.shared().database.address().port.to_string();
    let telling = |line: &&str| {
        ["error", "hint", "  caused by"].iter().any(|start| line.starts_with(start))
            || line.contains("  error ")
            || line.contains("          ")
    };
    let lines: Vec<String> =
        all.replace(&format!(":{port}/"), ":PORT/").lines().filter(telling).map(without_hashes).collect();
    lines.join("\n")
}

/// A line with the hashes that end physical names written as one word.
fn without_hashes(line: &str) -> String {
    let mut parts = line.split("__");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let digits = part.chars().take_while(char::is_ascii_hexdigit).count();
        if digits >= 8 { format!("{line}__HASH{}", &part[digits..]) } else { format!("{line}__{part}") }
    })
}

/// The branch asks for other tables each time, over those of production.
fn ask_anew(walled: &Walled, number: usize) {
    walled.edition(number);
    let latest = FILES[4].1.replace("max(amount)", &format!("max(amount) + {number}"));
    edit(walled.world(), &[("models/latest.sql", &latest)]);
}

#[test]
fn each_right_that_is_missing_is_named_with_what_gives_it() {
    let walled = Walled::new();
    walled.world().done(&["promote"]);
    walled.world().repository.branch("feature/merged");
    walled.edition(1);
    walled.world().done(&["apply", "--env", "side"]);
    walled.applied();
    walled.paste(Block::Reader);
    walled.merge("feature/merged");
    walled.world().repository.branch("feature/next");
    let before = super::walled::everything(&walled);
    walled.paste(Block::Given);
    assert_eq!(super::walled::everything(&walled), before, "promote gives what the page says, to the last right");

    let mut told = String::new();
    let mut number = 1;
    let blocks = [Block::Setup, Block::Sources, Block::Given, Block::Reader];
    let rights = blocks.iter().flat_map(|block| given(*block).into_iter().map(|given| (*block, given)));
    let state = Given {
        grant: "ALTER SCHEMA offshoot OWNER TO offshoot_state".to_owned(),
        revoke: "ALTER SCHEMA offshoot OWNER TO CURRENT_USER".to_owned(),
    };
    for (block, Given { grant, revoke }) in rights.chain([(Block::Setup, state)]) {
        // What is not there yet cannot be looked at: the test below has those.
        if grant.contains("DEFAULT PRIVILEGES") {
            continue;
        }
        number += 1;
        ask_anew(&walled, number);
        let before = seen(&walled);
        walled.admin().batch(&walled.here(&revoke)).unwrap_or_else(|error| panic!("{revoke}: {error}"));
        let mut command = needs(block, &grant).to_vec();
        if block == Block::Reader {
            command.extend(["--gateway", "looks"]);
        }
        let ran = walled.world().bot(&command);
        assert_ne!(ran.exit, Exit::Done, "{revoke}: {} {}{}", command.join(" "), ran.stdout, ran.stderr);
        assert_eq!(seen(&walled), before, "{revoke}");
        let said = said(&walled, &ran);
        assert!(said.contains("permission denied") && said.to_lowercase().contains("grant "), "{revoke}: {said}");
        told.push_str(&format!("{revoke}\nbot {}\n{said}\n\n", command.join(" ")));
        walled.admin().batch(&walled.here(&grant)).unwrap_or_else(|error| panic!("{grant}: {error}"));
    }
    insta::assert_snapshot!("removed", told);
    assert!(number > 25, "{number} rights");
    walled.world().done(APPLY);
    walled.world().done(PROMOTE);
    walled.world().done(QUERY);
}

/// Membership is what lets production take over; with all other rights of its own it says so.
#[test]
fn production_that_cannot_take_over_says_of_which_role_it_must_be_a_member() {
    let walled = Walled::new();
    walled.world().done(&["promote"]);
    walled.world().repository.branch("feature/merged");
    walled.edition(1);
    walled.applied();
    walled.merge("feature/merged");
    let own = "GRANT CONNECT, TEMPORARY, CREATE ON DATABASE analytics TO offshoot_prod; REVOKE offshoot_ci FROM offshoot_prod";
    walled.admin().batch(&walled.here(own)).expect("parted");
    let before = seen(&walled);
    let ran = walled.world().bot(PROMOTE);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert_eq!(seen(&walled), before);
    let said = said(&walled, &ran);
    assert!(said.contains("`offshoot_ci`, of which `offshoot_prod` is no member"), "{said}");
    assert!(said.contains("GRANT \"offshoot_ci\" TO \"offshoot_prod\""), "{said}");
}

/// What is made later is readable for who only looks by the defaults of those who make it.
#[test]
fn who_only_looks_needs_the_defaults_for_what_is_made_later() {
    let walled = Walled::new();
    walled.world().done(&["promote"]);
    walled.paste(Block::Reader);
    walled.world().repository.branch("feature/later");
    walled.edition(1);
    let defaults: Vec<Given> =
        given(Block::Reader).into_iter().filter(|given| given.grant.contains("DEFAULT PRIVILEGES")).collect();
    assert_eq!(defaults.len(), 2);
    for Given { grant, revoke } in &defaults {
        walled.admin().batch(&walled.here(revoke)).expect("taken back");
        let name = walled.applied();
        let query = ["query", "--gateway", "looks", "--env", &name, "SELECT edition FROM marts.total"];
        let ran = walled.world().bot(&query);
        assert_ne!(ran.exit, Exit::Done, "{revoke}");
        assert!(said(&walled, &ran).contains("GRANT "), "{}", ran.stderr);
        walled.admin().batch(&walled.here(grant)).expect("given");
        walled.world().done(&["env", "drop", &name]);
        walled.applied();
        walled.world().done(&query);
        walled.world().done(&["diff", "--gateway", "looks"]);
        walled.world().done(&["env", "drop", &name]);
    }
}
