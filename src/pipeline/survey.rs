//! What the clusters say of a pipeline's topics: which there are, how many partitions; and topics made where asked for.
//!
//! Comes in: routes. Goes out: their partitions, or why they cannot run. Must never: make a source topic, or wait without
//! a bound.

use super::route::Partitions;
use super::supervisor::died;
use crate::config::{self, Create, Delivery, Kafka, Partitioning, Pipeline, Route};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::create::create_topic;
use crate::kafka::topics::Topics;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one question to a cluster may take.
const ASK: Duration = Duration::from_secs(5);
/// A topic that was just made is not known to every broker at once: only after this long is it believed to be missing.
const JUST_MADE: Duration = Duration::from_secs(5);
/// Between two looks for a topic that was just made.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The clusters of a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Surveyor {
    pub(super) config: Arc<Pipeline>,
    pub(super) source: Kafka,
    pub(super) sink: Kafka,
}

/// What was found: each route by its source topic, and the dead letter topic's partitions.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) routes: BTreeMap<String, Result<Partitions, Fault>>,
    pub(super) dead_letter: Option<Result<i32, Fault>>,
}

/// As the clusters say it.
struct Seen {
    routes: Vec<(Result<i32, Fault>, Result<i32, Fault>)>,
    dead_letter: Option<Result<i32, Fault>>,
}

impl Surveyor {
    /// Looks at the topics of these routes, and makes what is missing where the config says so.
    ///
    /// # Errors
    /// A cluster does not answer.
    pub(super) async fn survey(&self, routes: &[Route]) -> Result<Survey, Fault> {
        let (mut last_made, mut made) = (Instant::now(), BTreeMap::new());
        let seen = loop {
            let (this, asked) = (self.clone(), routes.to_vec());
            let seen = blocking("the look at the topics", move || this.look(&asked)).await?;
            let missing = self.missing(routes, &seen);
            let fresh: Vec<_> = missing.iter().filter(|(topic, _)| !made.contains_key(*topic)).collect();
            match &self.config.sink.create {
                Some(how) if !fresh.is_empty() => {
                    for (topic, partitions) in fresh {
                        match self.make(topic, *partitions, how).await {
                            Err(fault) if fault.retry => return Err(fault),
                            result => drop(made.insert((*topic).to_owned(), result.err())),
                        }
                    }
                    last_made = Instant::now();
                }
                Some(_) if awaited(&missing, &made) && last_made.elapsed() < JUST_MADE => {}
                _ => break seen,
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        // Why it could not be made says more than that it is missing.
        let told = |topic: &str, found: Result<i32, Fault>| match (found, made.get(topic)) {
            (Err(_), Some(Some(fault))) => Err(fault.clone()),
            (found, _) => found,
        };
        let judged = routes.iter().zip(seen.routes).map(|(route, (source, sink))| {
            let partitions = source.and_then(|source| {
                let sink = match (told(&route.sink_topic, sink), self.planned(source)) {
                    // It was not made, because it would not do.
                    (Err(fault), Some(planned)) if fault.reason == "unknown_topic" && !self.fits(source, planned) => {
                        planned
                    }
                    (sink, _) => sink?,
                };
                Ok(Partitions { source, sink })
            });
            (route.source_topic.clone(), partitions.and_then(|partitions| self.fit(route, partitions)))
        });
        let dead_letter = seen.dead_letter.map(|found| told(self.dead_letter().unwrap_or_default(), found));
        Ok(Survey { routes: judged.collect(), dead_letter })
    }

    /// The topics that match the pipeline's patterns now; beside them those that do and have the name of an output of one
    /// of `writers`, the pipelines that write to the same cluster: they are not read.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(super) async fn matching(&self, writers: &[Arc<Pipeline>]) -> Result<[BTreeSet<String>; 2], Fault> {
        let source = self.source.clone();
        let names = blocking("the look for topics", move || Topics::new(&source)?.names(ASK)).await?;
        let topics = &self.config.source.topics;
        let matching = names.into_iter().filter(|topic| !topics.names.contains(topic) && topics.matches(topic));
        let (outputs, read) = matching.partition(|topic| writers.iter().any(|pipeline| pipeline.writes(topic)));
        Ok([read, outputs])
    }

    /// Refuses exactly-once between two clusters: a transaction, and the offsets in it, lie in one. Brokers tell which,
    /// not addresses.
    ///
    /// # Errors
    /// There are two, or one does not answer.
    pub(super) async fn one_cluster(&self) -> Result<(), Fault> {
        if self.config.delivery == Delivery::AtLeastOnce || self.source.name == self.sink.name {
            return Ok(());
        }
        let clusters = [self.source.clone(), self.sink.clone()];
        let id = |kafka: &Kafka| Topics::new(kafka)?.cluster_id(ASK);
        let ask = move || Ok((id(&clusters[0])?, id(&clusters[1])?));
        let (source, sink) = blocking("the question which clusters these are", ask).await?;
        two_clusters(&self.source.name, &source, &self.sink.name, &sink).map_or(Ok(()), Err)
    }

    fn look(&self, routes: &[Route]) -> Result<Seen, Fault> {
        let source = Topics::new(&self.source)?;
        let other = (self.source.name != self.sink.name).then(|| Topics::new(&self.sink)).transpose()?;
        let sink = other.as_ref().unwrap_or(&source);
        // A cluster that does not answer is asked once; trouble with one topic is that topic's.
        let count = |topics: &Topics, topic: &str| match topics.partition_count(topic, ASK) {
            Err(fault) if fault.reason == "unreachable" => Err(fault),
            counted => Ok(counted),
        };
        let look = |route: &Route| Ok((count(&source, &route.source_topic)?, count(sink, &route.sink_topic)?));
        let routes = routes.iter().map(look).collect::<Result<_, Fault>>()?;
        let dead_letter = self.dead_letter().map(|topic| count(sink, topic)).transpose()?;
        Ok(Seen { routes, dead_letter })
    }

    /// The topics to write that do not exist, with the partitions that they shall have.
    fn missing<'r>(&'r self, routes: &'r [Route], seen: &Seen) -> Vec<(&'r str, i32)> {
        let unknown = |found: &Result<i32, Fault>| matches!(found, Err(fault) if fault.reason == "unknown_topic");
        let sources = || seen.routes.iter().filter_map(|(source, _)| source.as_ref().ok().copied());
        let mut missing: Vec<_> = routes
            .iter()
            .zip(&seen.routes)
            .filter(|(_, (_, sink))| unknown(sink))
            .filter_map(|(route, (source, _))| Some((route.sink_topic.as_str(), *source.as_ref().ok()?)))
            .filter(|(_, source)| self.planned(*source).is_some_and(|planned| self.fits(*source, planned)))
            .collect();
        if let (Some(topic), Some(found), Some(most)) = (self.dead_letter(), &seen.dead_letter, sources().max())
            && unknown(found)
        {
            missing.push((topic, most));
        }
        missing
    }

    async fn make(&self, topic: &str, source_partitions: i32, how: &Create) -> Result<(), Fault> {
        let mut how = how.clone();
        if self.dead_letter() == Some(topic) {
            how.settings.clear();
        }
        let partitions = how.partitions.unwrap_or(source_partitions);
        create_topic(&self.sink, topic, partitions, &how, ASK).await?;
        tracing::info!(target: "json2avro", pipeline = self.config.name, topic, partitions, "topic created");
        Ok(())
    }

    /// How many partitions a topic that is made has, for a source of so many.
    fn planned(&self, source: i32) -> Option<i32> {
        self.config.sink.create.as_ref().map(|how| how.partitions.unwrap_or(source))
    }

    fn fits(&self, source: i32, sink: i32) -> bool {
        self.config.sink.partitioning == Partitioning::ByKey || sink >= source
    }

    /// Refuses what cannot work.
    fn fit(&self, route: &Route, partitions: Partitions) -> Result<Partitions, Fault> {
        if self.fits(partitions.source, partitions.sink) {
            return Ok(partitions);
        }
        let message = format!(
            "partitioning = \"preserve\", but sink topic {:?} has {} partitions and source topic {:?} has {}: give the \
             sink at least as many, or set partitioning = \"by_key\"",
            route.sink_topic, partitions.sink, route.source_topic, partitions.source
        );
        Err(Fault::lasting(Stage::Config, Blame::Config, "fewer_partitions", message))
    }

    fn dead_letter(&self) -> Option<&str> {
        match &self.config.refused.policy {
            config::RefusedPolicy::DeadLetter { topic } => Some(topic),
            config::RefusedPolicy::Skip | config::RefusedPolicy::Stop => None,
        }
    }
}

/// Why there is no exactly-once from one `[kafka.NAME]` to another, by the ids that the clusters tell; None: they are one.
#[must_use]
pub fn two_clusters(source: &str, source_id: &str, sink: &str, sink_id: &str) -> Option<Fault> {
    let message = format!(
        "delivery = \"exactly_once\", but [kafka.{source}] (cluster id {source_id}) and [kafka.{sink}] (cluster id \
         {sink_id}) are two clusters, and no transaction spans two: set delivery = \"at_least_once\", or write to the \
         source's cluster"
    );
    (source_id != sink_id).then(|| Fault::lasting(Stage::Config, Blame::Config, "two_clusters", message))
}

/// Whether a topic is missing that was made.
fn awaited(missing: &[(&str, i32)], made: &BTreeMap<String, Option<Fault>>) -> bool {
    missing.iter().any(|(topic, _)| matches!(made.get(*topic), Some(None)))
}

async fn blocking<T: Send + 'static>(
    what: &str,
    ask: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let asked = tokio::task::spawn_blocking(ask).await;
    asked.unwrap_or_else(|error| Err(died(Stage::Config, what, &error.to_string())))
}
