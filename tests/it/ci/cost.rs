//! What a pull request cost: every build that was made for it, whatever became of it since, and nothing else.

use offshoot::error::Exit;
use offshoot::ids::{ModelName, ProjectName};
use offshoot::state::{Build, OpenMode, Owner, SqliteState, State as _};

use super::{Team, done};
use crate::github::fake::Payload;
use crate::lab::lab;

/// A model that is loaded day by day out of a table that is somebody else's.
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1), grain id);\n\
                     SELECT id, day, amount::INT AS amount FROM source.amounts WHERE day BETWEEN @start_date AND @end_date";
const ONE: &str = "MODEL (name marts.one, kind FULL);\nSELECT 1 AS one UNION ALL SELECT 2";

/// A row for each of six days; what stands on the fifth is no number.
fn with_source() -> Team {
    let world = lab(&[("models/one.sql", ONE)]);
    world.sql("CREATE SCHEMA source");
    world.sql(
        "CREATE TABLE source.amounts AS SELECT range::INT AS id, DATE '2026-03-26' + range::INT AS day, \
               CASE range WHEN 4 THEN 'many' ELSE range::VARCHAR END AS amount FROM range(6)",
    );
    Team::of(world)
}

impl Team {
    fn state(&self) -> SqliteState {
        SqliteState::open(&self.world.state(), &ProjectName::new(""), &OpenMode::ReadOnlyIfExists).expect("a state")
    }

    fn builds_for(&self, owner: &Owner) -> Vec<Build> {
        self.state().builds_for(owner).expect("readable")
    }

    /// Builds and rows that the comment says were spent.
    fn spent(&self) -> (usize, u64) {
        let row = self.figure("Spent on this pull request");
        let number =
            |words: &str| row.split(" · ").find_map(|part| part.strip_suffix(words)?.replace(',', "").parse().ok());
        let builds = number(" builds").or_else(|| number(" build")).unwrap_or_else(|| panic!("{row}"));
        let rows = number(" rows").unwrap_or_else(|| panic!("{row}"));
        (usize::try_from(builds).expect("few"), rows)
    }
}

fn total(builds: &[Build]) -> (usize, u64) {
    (builds.len(), builds.iter().map(|build| build.rows.expect("DuckDB counts")).sum())
}

#[test]
fn what_earlier_pushes_built_is_spent_too_and_what_promote_built_is_not() {
    let team = Team::new();
    let promoted = team.builds_for(&Owner::Named).len();
    assert!(promoted > 5, "production was built by somebody");
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let first = team.spent();
    assert!(first.0 > 0);
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.spent(), (first.0 + 1, first.1 + 1), "{}", team.comment());
    // A run that builds nothing takes nothing back, and neither does one after the environment was dropped.
    done(&team.pull_request("reopened", number));
    assert_eq!(team.spent().0, first.0 + 1);
    assert_eq!(team.says(number, "ada", "/bot drop").0, ["eyes", "+1"]);
    done(&team.pull_request("reopened", number));
    assert!(team.has_environment());
    assert_eq!(team.spent(), total(&team.builds_for(&Owner::PullRequest(number.0))));
    assert_eq!(team.spent().0, first.0 + 1);
    team.merges(number);
    done(&team.event(&Payload::Push { branch: "main".into(), before: None }));
    assert_eq!(team.builds_for(&Owner::PullRequest(number.0)).len(), first.0 + 1);
}

#[test]
fn a_model_that_an_earlier_push_built_otherwise_is_not_shown_with_that_build() {
    let team = with_source();
    let number = team.proposes(&[("models/two.sql", "MODEL (name marts.two, kind FULL);\nSELECT 1 AS n")]);
    done(&team.pull_request("opened", number));
    assert!(team.comment().contains("filled as a whole"), "{}", team.comment());
    // As another branch has built it already.
    let other = "MODEL (name marts.two, kind FULL);\nSELECT 2 AS n";
    team.world.repository.checkout("main");
    team.world.repository.branch("other");
    crate::lab::edit(&team.world, &[("models/two.sql", other)]);
    team.world.done(&["apply"]);
    team.pushes(number, "models/two.sql", other);
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.spent().0, 1, "the first one was built for us all the same");
    assert!(!team.comment().contains("filled as a whole"), "{}", team.comment());
}

#[test]
fn a_build_that_stopped_midway_has_cost_what_it_loaded() {
    let team = with_source();
    let number = team.proposes(&[("models/daily.sql", DAILY)]);
    let ran = team.pull_request("opened", number);
    assert_ne!(ran.exit, Exit::Failed, "{}", ran.stderr);
    assert_eq!(team.output("state"), "partial", "{}", ran.stderr);
    assert_eq!(team.spent(), (1, 4), "{}", team.comment());
    team.world.sql("UPDATE source.amounts SET amount = '4' WHERE id = 4");
    done(&team.pull_request("reopened", number));
    assert_eq!(team.spent(), (2, 6), "{}", team.comment());
    // What was loaded before it stopped is loaded once, and shown with the rest.
    let comment = team.comment();
    assert!(comment.contains("| 6 days"), "{comment}");
}

#[test]
fn what_was_reused_says_what_it_took_and_where_that_is_unknown() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let row = team.figure("Saved by reuse");
    assert!(row.contains("tables reused, which took "), "{row}");
    // A state of an older release has lost what one of the tables took: there is no total any more.
    let connection = rusqlite::Connection::open(team.world.state()).expect("opens");
    connection.execute("DELETE FROM builds WHERE model = 'raw.products'", []).expect("deleted");
    connection.execute("UPDATE builds SET owner = NULL, plan_id = NULL", []).expect("updated");
    drop(connection);
    done(&team.pull_request("reopened", number));
    let row = team.figure("Saved by reuse");
    assert!(row.contains("tables reused, which took at least "), "{row}");
    assert_eq!(team.figure("Spent on this pull request"), "nothing that is recorded: every table was there already |");
    let model = ModelName::parse("raw.products").expect("a name");
    assert!(team.state().builds(&[model], 1).expect("readable").is_empty());
}
