//! Who may do what with a model's views.

use serde::{Deserialize, Serialize};

/// What `grants` of a `MODEL` block says of one privilege.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The privilege in capitals, such as `SELECT`.
    pub privilege: String,
    /// Who has it.
    pub to: Vec<Grantee>,
}

/// Who has a privilege.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grantee {
    /// All roles (`PUBLIC`).
    Everybody,
    /// The role of this exact name.
    Role(String),
}
