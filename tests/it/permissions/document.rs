//! The page, taken apart.

/// A block of SQL of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Roles, database, state, search path.
    Setup,
    /// What models read besides.
    Sources,
    /// Who only looks.
    Reader,
    /// What promote gives by itself.
    Given,
    /// From one role to two.
    Parted,
}

const ALL: [Block; 5] = [Block::Setup, Block::Sources, Block::Reader, Block::Given, Block::Parted];

/// The text of a block.
pub(super) fn blocks(wanted: Block) -> String {
    let page = include_str!("../../../docs/permissions.md");
    let found: Vec<&str> =
        page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect();
    assert_eq!(found.len(), ALL.len(), "the blocks of SQL of the page");
    let place = ALL.iter().position(|block| *block == wanted).expect("a block");
    found[place].to_owned()
}

/// One right that a statement of the page gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// The statement as the page has it, with that right alone.
    pub(super) grant: String,
    /// What takes it back.
    pub(super) revoke: String,
}

/// Every right of a block, one by one: of a list of rights, objects or roles each for itself.
pub(super) fn given(block: Block) -> Vec<Given> {
    let text = blocks(block);
    let statements = text.split(';').map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "));
    statements.filter(|statement| statement.contains("GRANT ")).flat_map(|statement| each(&statement)).collect()
}

fn each(statement: &str) -> Vec<Given> {
    let (before, grant) = statement.split_once("GRANT ").expect("a grant");
    let (what, role) = grant.split_once(" TO ").expect("to somebody");
    let Some((rights, object)) = what.split_once(" ON ") else {
        return vec![Given { grant: statement.to_owned(), revoke: format!("REVOKE {what} FROM {role}") }];
    };
    let (kind, names) = ["ALL TABLES IN SCHEMA ", "SCHEMA ", "DATABASE "]
        .iter()
        .find_map(|kind| object.strip_prefix(kind).map(|names| (*kind, names)))
        .unwrap_or(("", object));
    let mut found = Vec::new();
    for right in rights.split(", ") {
        for name in names.split(", ") {
            found.push(Given {
                grant: format!("{before}GRANT {right} ON {kind}{name} TO {role}"),
                revoke: format!("{before}REVOKE {right} ON {kind}{name} FROM {role}"),
            });
        }
    }
    found
}

#[test]
fn a_list_is_taken_apart() {
    let found = each("GRANT CONNECT, CREATE ON DATABASE a TO b");
    assert_eq!(found[1].grant, "GRANT CREATE ON DATABASE a TO b");
    assert_eq!(found[1].revoke, "REVOKE CREATE ON DATABASE a FROM b");
    assert_eq!(each("GRANT a TO b")[0].revoke, "REVOKE a FROM b");
}
