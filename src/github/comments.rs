//! Comments on pull requests, and reactions to them.

use serde_json::json;

use crate::event::Comment;
use crate::ids::{CommentId, PullRequestNumber};

use super::{Call, GitHub, GitHubError, Result};

/// The most characters of a comment ("Body is too long (maximum is 65536 characters)"). Whether GitHub counts characters or
/// UTF-16 units is not documented, so the larger number counts here.
pub const LONGEST_COMMENT: usize = 65_536;

/// A reaction to a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// 👀: seen, work goes on.
    Eyes,
    /// 👍, for done: GitHub has no ✅ among its reactions.
    Done,
    /// 😕: not done.
    Confused,
}

impl GitHub {
    /// All comments on a pull request, the oldest first.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub fn comments(&self, number: PullRequestNumber) -> Result<Vec<Comment>> {
        let pages: Vec<Vec<Comment>> = self.ask_pages(&Call::Comments(number))?;
        Ok(pages.into_iter().flatten().collect())
    }

    /// Writes a comment. `is_it` tells whether a comment is the one that this makes (by its marker and its author): where it
    /// stays open whether the call had its effect, all comments are searched before it is sent again.
    ///
    /// # Errors
    /// GitHub refuses it or cannot be asked, or the text is too long.
    pub fn create_comment(
        &self,
        number: PullRequestNumber,
        body: &str,
        is_it: impl Fn(&Comment) -> bool,
    ) -> Result<Comment> {
        let call = Call::CreateComment(number);
        let body = json!({ "body": self.fit_comment(&call, body)? });
        self.create(&call, &body, || Ok(self.comments(number)?.into_iter().find(|comment| is_it(comment))))
    }

    /// Gives a comment another text.
    ///
    /// # Errors
    /// As [`GitHub::create_comment`]; [`GitHubError::NotFound`] where it was deleted.
    pub fn update_comment(&self, id: CommentId, body: &str) -> Result<Comment> {
        let call = Call::UpdateComment(id);
        let body = json!({ "body": self.fit_comment(&call, body)? });
        self.ask(&call, Some(&body))
    }

    /// Adds a reaction to a comment; a second one of the same kind changes nothing, so it may be repeated.
    ///
    /// # Errors
    /// GitHub refuses it or cannot be asked.
    pub fn react(&self, id: CommentId, reaction: Reaction) -> Result<()> {
        let content = match reaction {
            Reaction::Eyes => "eyes",
            Reaction::Done => "+1",
            Reaction::Confused => "confused",
        };
        let _: serde::de::IgnoredAny = self.ask(&Call::React(id), Some(&json!({ "content": content })))?;
        Ok(())
    }

    /// The text without secrets, where GitHub takes it.
    fn fit_comment(&self, call: &Call, body: &str) -> Result<String> {
        let text = self.mask.apply(body);
        let characters = text.chars().count().max(text.encode_utf16().count());
        if characters > LONGEST_COMMENT {
            return Err(GitHubError::TooLong { call: call.clone(), characters, limit: LONGEST_COMMENT });
        }
        Ok(text)
    }
}
