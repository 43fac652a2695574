//! The subject's two versions, as the owner of the schema registers them: the first before the start, the second on the
//! way.
//!
//! Comes in: how far the feed is. Goes out: requests to the registry, the feed's leave to write the new field once the
//! pipeline writes with the new version. Must never: tell the pipeline; it finds out by itself.

use super::progress::Progress;
use super::screen::Screen;
use super::settings::SUBJECT;
use crate::embedded::feed::Feed;
use crate::embedded::orders;
use crate::fault::Fault;
use crate::registry::{Client, Schema};
use tokio::runtime::Runtime;

/// How far the schema has come.
pub(super) struct Evolution {
    runtime: Runtime,
    client: Client,
    /// The second version is registered after so many records: somewhat before its field appears.
    due: u64,
    latest: Latest,
}

/// The subject's latest version.
enum Latest {
    First,
    /// The second, with this id; the pipeline still writes with the first.
    Second(i32),
    /// The pipeline writes with the second, and the feed may use it.
    InForce,
}

impl Evolution {
    /// Registers the first version.
    pub(super) fn begin(runtime: Runtime, client: Client, evolve_after: u64) -> Result<Self, Fault> {
        let evolution = Self { runtime, client, due: evolve_after - evolve_after / 5, latest: Latest::First };
        evolution.register(orders::SCHEMA)?;
        Ok(evolution)
    }

    /// Takes the next step if it is time for it.
    pub(super) fn step(&mut self, feed: &Feed, progress: &mut Progress, screen: &mut Screen) -> Result<(), Fault> {
        match self.latest {
            // Some records shall have been written with the first one.
            Latest::First if feed.fed().records >= self.due && progress.produced() > 0 => {
                let id = self.register(orders::NEXT_SCHEMA)?;
                progress.tell(
                    screen,
                    &format!("registered a second version (id {id}): a new optional field, loyalty_tier"),
                );
                self.latest = Latest::Second(id);
            }
            Latest::Second(id) if progress.schema_id() == Some(id) => {
                progress.tell(screen, &format!("schema switched to id {id}, between two records, without a restart"));
                feed.evolve();
                self.latest = Latest::InForce;
            }
            Latest::First | Latest::Second(_) | Latest::InForce => {}
        }
        Ok(())
    }

    fn register(&self, text: &str) -> Result<i32, Fault> {
        let schema = Schema { text: text.to_owned(), references: Vec::new() };
        Ok(self.runtime.block_on(self.client.register(SUBJECT, &schema))?)
    }
}
