//! The time zones that schedules may be in. The only user of `chrono-tz`.

use serde::{Deserialize, Serialize};

/// A time zone of the IANA database, as it was when this program was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(chrono_tz::Tz);

/// Why a text is no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`")]
pub struct TimeZoneError(pub String);

impl TimeZone {
    /// Finds a time zone by its name; nothing is UTC, as in SQLMesh.
    ///
    /// # Errors
    /// Nobody knows it.
    pub fn parse(text: &str) -> Result<Self, TimeZoneError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.parse().map(Self).map_err(|_| TimeZoneError(text.to_owned()))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    pub(super) fn zone(self) -> chrono_tz::Tz {
        self.0
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(chrono_tz::Tz::UTC)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.name().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
