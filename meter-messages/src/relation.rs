//! What a meter measures, and which other meter it is a part of. Pulses are counted the same for all.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{IdError, Meter, MeterId, SiteId};

/// What the pulses of a meter mean to its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measures {
    /// What comes in, from the grid or from the network of gas or water.
    Import,
    /// What goes out, into the grid.
    Export,
    /// What is made here, by the sun or by an engine.
    Production,
    /// What something here takes.
    Consumption,
}

impl Measures {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Import, Self::Export, Self::Production, Self::Consumption];

    /// Its name on the wire and in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Export => "export",
            Self::Production => "production",
            Self::Consumption => "consumption",
        }
    }

    /// Whether it is something that is used here, and so costs money: not what is fed in or made.
    pub fn is_use(self) -> bool {
        matches!(self, Self::Import | Self::Consumption)
    }
}

impl FromStr for Measures {
    type Err = MeasuresError;
    fn from_str(name: &str) -> Result<Self, MeasuresError> {
        let found = Self::ALL.into_iter().find(|measures| measures.as_str() == name);
        found.ok_or_else(|| MeasuresError(foreign_text::foreign(name).to_string()))
    }
}

/// A word that is not what a meter can measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a meter cannot measure \"{0}\"; write import, export, production or consumption")]
pub struct MeasuresError(String);

/// What is said of a meter: nothing, one of the two, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Relation {
    /// What it measures.
    pub measures: Option<Measures>,
    /// The meter of whose quantity its own is a part: it is behind that one.
    pub part_of: Option<Meter>,
}

impl Relation {
    /// What the meter measures: where it is not said, what comes in, or of a part what something takes. That
    /// holds for gas and water, too: their main meters measure what the network delivers.
    pub fn measures(&self) -> Measures {
        self.measures.unwrap_or(match self.part_of {
            Some(_) => Measures::Consumption,
            None => Measures::Import,
        })
    }
}

/// A meter as settings name it: `site/meter`, or `meter` within the same site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PartOf {
    site: Option<SiteId>,
    meter: MeterId,
}

impl PartOf {
    /// The meter that is meant by a meter of a site.
    pub fn within(&self, site: &SiteId) -> Meter {
        Meter { site: self.site.as_ref().unwrap_or(site).clone(), meter: self.meter.clone() }
    }
}

impl FromStr for PartOf {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((site, meter)) => Ok(Self { site: Some(site.parse()?), meter: meter.parse()? }),
            None => Ok(Self { site: None, meter: text.parse()? }),
        }
    }
}

impl TryFrom<String> for PartOf {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_follows_from_the_rest() {
        let parent = Some("hq/main".parse().unwrap());
        let of = |measures, part_of| Relation { measures, part_of }.measures();
        assert_eq!(of(None, None), Measures::Import);
        assert_eq!(of(None, parent.clone()), Measures::Consumption);
        assert_eq!(of(Some(Measures::Import), parent), Measures::Import);
        for measures in Measures::ALL {
            assert_eq!(measures.as_str().parse(), Ok(measures));
            assert_eq!(serde_json::to_value(measures).unwrap(), measures.as_str());
        }
        assert!("Import\n".parse::<Measures>().unwrap_err().to_string().contains("write import, export"));
    }

    #[test]
    fn a_parent_is_named_in_full_or_within_its_site() {
        let site = "hq".parse().unwrap();
        for (text, meant) in [("main", "hq/main"), ("home/main", "home/main")] {
            assert_eq!(text.parse::<PartOf>().unwrap().within(&site).to_string(), meant);
        }
        for bad in ["", "/", "hq/", "/main", "hq/main/x", "Main"] {
            assert!(bad.parse::<PartOf>().is_err(), "{bad}");
        }
    }
}
