//! How much of its data a pull request has compared: what the base's settings say, and what a label widens.

use std::fs;

use offshoot::ids::PullRequestNumber;
use serde_json::{Value, json};

use super::{Team, done};
use crate::github::fake::{HeadRepository, Payload};
use crate::lab::lab;
use crate::world::Ran;

const LABEL: &str = "bot:diff-all";
const SEED: &str = "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT))";
const ORDERS: &str = "id,amount\n1,10\n2,20\n3,30\n";

fn model(name: &str, properties: &str, amount: &str) -> String {
    format!("MODEL (name marts.{name}, kind FULL{properties});\nSELECT id, {amount} AS amount FROM raw.orders")
}

/// Two models with a grain, one without; a pull request edits all of them.
fn shop(settings: &str) -> (Team, PullRequestNumber) {
    let models = |amount: &str| {
        [("a", ", grain id"), ("b", ", grain id"), ("c", "")]
            .map(|(name, properties)| (format!("models/{name}.sql"), model(name, properties, amount)))
    };
    let before = models("amount");
    let mut files = vec![("seeds/orders.csv", ORDERS), ("models/raw.sql", SEED), ("offshoot.yaml", settings)];
    files.extend(before.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let team = Team::of(lab(&files));
    let after = models("amount + 1");
    let number = team.proposes(&after.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
    (team, number)
}

impl Team {
    fn labels(&self, number: PullRequestNumber, action: &'static str, label: &'static str) -> Ran {
        {
            let mut state = self.github.state();
            let labels = &mut state.pulls.get_mut(&number.0).expect("the pull request").labels;
            match action {
                "labeled" => labels.push(label.to_owned()),
                _ => labels.retain(|known| known != label),
            }
        }
        self.event(&Payload::Label { action, number: number.0, label })
    }

    /// How each model was compared, by name; why not, where it was left out.
    fn comparison(&self) -> Value {
        let report = fs::read_to_string(self.files.path().join("report.json")).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let list = |name: &str| report["data"][name].as_array().cloned().unwrap_or_default();
        let name = |model: &Value| model["name"].as_str().expect("a name").to_owned();
        let compared = list("models").iter().map(|model| (name(model), model["how"].clone())).collect::<Vec<_>>();
        let left_out = list("left_out").iter().map(|model| (name(model), model["why"].clone())).collect::<Vec<_>>();
        compared.into_iter().chain(left_out).collect::<serde_json::Map<_, _>>().into()
    }

    fn compares(&self, ran: &Ran) -> Value {
        done(ran);
        assert_eq!(self.output("state"), "built");
        self.comparison()
    }
}

const NO_GRAIN: &str = "nothing tells their rows apart (neither `grain` nor a unique key)";

#[test]
fn without_being_asked_only_what_has_a_grain_is_compared_and_the_rest_is_named() {
    let (team, number) = shop("");
    let compared = team.compares(&team.pull_request("opened", number));
    assert_eq!(compared, json!({ "marts.a": "by_grain", "marts.b": "by_grain", "marts.c": NO_GRAIN }));
    let comment = team.comment();
    assert!(comment.contains("Not compared, because nothing tells their rows apart"), "{comment}");
    assert!(comment.contains("`marts.c`.") && comment.contains("the label `bot:diff-all` all"), "{comment}");
    assert!(team.figure("Data").contains("1 model not compared"), "{}", team.figure("Data"));
}

#[test]
fn a_label_widens_and_taking_it_off_narrows_again() {
    let (team, number) = shop("data_diff: {max_models: 1}");
    let beyond = "`data_diff.max_models` is 1";
    let narrow = json!({ "marts.a": "by_grain", "marts.b": beyond, "marts.c": NO_GRAIN });
    let wide = json!({ "marts.a": "by_grain", "marts.b": "by_grain", "marts.c": "by_column" });
    assert_eq!(team.compares(&team.pull_request("opened", number)), narrow);
    assert_eq!(team.compares(&team.labels(number, "labeled", LABEL)), wide);
    // It stays for what comes later, pushed or asked for.
    team.pushes(number, "README.md", "words");
    assert_eq!(team.compares(&team.pull_request("synchronize", number)), wide);
    assert_eq!(team.says(number, "ada", "/bot plan").0, ["eyes", "+1"]);
    assert_eq!(team.comparison(), wide);
    assert_eq!(team.compares(&team.labels(number, "unlabeled", LABEL)), narrow);
}

#[test]
fn a_label_that_changes_nothing_is_told_in_a_line() {
    let (team, number) = shop("");
    let told = |ran: Ran| {
        done(&ran);
        ran.stdout.lines().last().unwrap_or_default().to_owned()
    };
    let other = told(team.labels(number, "labeled", "needs `review`"));
    assert!(other.contains("means nothing to the bot"), "{other}");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").state = "closed";
    assert!(told(team.labels(number, "labeled", LABEL)).contains("that is closed"));
    {
        let mut state = team.github.state();
        let pull = state.pulls.get_mut(&number.0).expect("the pull request");
        (pull.state, pull.head_repository) = ("open", HeadRepository::Fork("stranger/shop".into()));
    }
    assert!(told(team.labels(number, "unlabeled", LABEL)).contains("of a fork"));
    assert_eq!(team.github.writes(), Vec::<String>::new());
    assert!(!team.has_environment());
}

#[test]
fn the_limit_of_rows_stays_whatever_the_label() {
    let (team, number) = shop("data_diff: {max_rows: 2}");
    let compared = team.compares(&team.labels(number, "labeled", LABEL));
    let not = "not_compared";
    assert_eq!(compared, json!({ "marts.a": not, "marts.b": not, "marts.c": not }));
    let comment = team.comment();
    assert!(comment.contains("more than 2 rows to compare") && comment.contains("bot diff -m MODEL"), "{comment}");
}

#[test]
fn how_much_is_compared_is_the_bases_to_say() {
    let (team, number) = shop("data_diff: never");
    team.pushes(number, "offshoot.yaml", "data_diff: always");
    assert_eq!(team.compares(&team.pull_request("synchronize", number)), json!({}));
    assert_eq!(team.compares(&team.labels(number, "labeled", LABEL)), json!({}), "never is never");
    assert_eq!(team.figure("Data"), "not compared |");
}

/// What goes away is told by the tables alone where a query does not say what its columns are.
#[test]
fn a_column_that_goes_away_blocks_though_no_row_is_compared() {
    assert_eq!(a_column_goes_away("auto"), json!({ "marts.wide": NO_GRAIN }));
    assert_eq!(a_column_goes_away("never"), json!({}), "not even named");
}

/// What is told of the data with that setting.
fn a_column_goes_away(when: &str) -> Value {
    let wide = "MODEL (name marts.wide, kind FULL);\nSELECT * FROM source.things";
    let settings = format!("data_diff: {when}\n");
    let world = lab(&[("models/wide.sql", wide), ("offshoot.yaml", &settings)]);
    world.sql("CREATE SCHEMA source");
    world.sql("CREATE TABLE source.things AS SELECT 1 AS id, 2 AS amount");
    let team = Team::of(world);
    team.world.sql("ALTER TABLE source.things DROP COLUMN amount");
    let number = team.proposes(&[("models/wide.sql", &wide.replace("SELECT *", "SELECT * , 1 AS one"))]);
    let compared = team.compares(&team.pull_request("opened", number));
    assert_eq!(team.check().1, "action_required", "{}", team.comment());
    assert!(team.comment().contains("/bot allow-destructive marts.wide"), "{}", team.comment());
    compared
}
