//! The supervisor's side of the routes: schemas resolved and kept fresh, topics found and let go.
//!
//! A named topic that cannot run fails the pipeline: the config is wrong. One that a pattern matches waits, and is tried
//! again at the next look: who made it may not have registered its schema yet, and the others must not stand for it.
//!
//! Comes in: config, what registry and clusters say. Goes out: routes on the board that the lane reads. Must never: touch a
//! record; take a schema out of force because the registry does not answer.

use super::route::{Board, Partitions, Prepared, Schema};
use super::schema::{SchemaCell, Target};
use super::survey::{Survey, Surveyor};
use crate::config::{Conversion, Pipeline, Route, SchemaChoice};
use crate::fault::{Blame, Fault, Stage};
use crate::registry::{Client, Resolved, Source};
use crate::telemetry::{Events, LaneMetrics, SchemaInForce};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All routes of a pipeline.
#[derive(Debug)]
pub(super) struct Routes {
    surveyor: Surveyor,
    registry: Arc<Client>,
    writers: Vec<Arc<Pipeline>>,
    metrics: LaneMetrics,
    board: Arc<Board>,
    known: Vec<Known>,
    topics_due: Instant,
    /// What the first look found; topics that are not among it have appeared later, also to a lane that starts anew.
    first: Option<BTreeSet<String>>,
    /// The registry did not answer for a topic that matches.
    unanswered: bool,
    /// Outputs that match a pattern, as far as the log has told of them.
    outputs: BTreeSet<String>,
}

/// A route whose schemas are resolved.
#[derive(Debug)]
struct Known {
    route: Route,
    key: Option<Kept>,
    value: Option<Kept>,
    /// On the board, and read.
    joined: bool,
    /// The last look did not find the topic.
    missed: bool,
}

/// A schema that is kept fresh.
#[derive(Debug)]
struct Kept {
    schema: Schema,
    source: Source,
    /// When it is asked for again; None: it is settled.
    due: Option<Instant>,
}

impl Routes {
    pub(super) fn new(
        surveyor: Surveyor,
        registry: Arc<Client>,
        writers: Vec<Arc<Pipeline>>,
        metrics: LaneMetrics,
    ) -> Self {
        let (board, topics_due) = (Arc::default(), Instant::now());
        let (known, outputs) = (Vec::new(), BTreeSet::new());
        Self { surveyor, registry, writers, metrics, board, known, topics_due, first: None, unanswered: false, outputs }
    }

    /// Resolves the schemas of the topics that are named, however long that takes. To be called once; safe to drop.
    ///
    /// # Errors
    /// What stays until someone acts.
    pub(super) async fn resolve_named(&mut self, events: &Events) -> Result<(), Fault> {
        let config = Arc::clone(&self.surveyor.config);
        let routes: Vec<Route> = config.source.topics.names.iter().map(|topic| config.route(topic)).collect();
        for route in &routes {
            // Shown from the start, at zero.
            self.metrics.route(&route.source_topic, &route.sink_topic);
        }
        for route in routes {
            let known = self.resolve(route, true, events).await?;
            self.known.push(known);
        }
        Ok(())
    }

    /// Looks at all topics, new ones that match a pattern included, for a lane that is about to start: the dead letter
    /// topic's partitions, 0 where there is none.
    ///
    /// # Errors
    /// A cluster does not answer, or a named topic cannot run.
    pub(super) async fn look(&mut self, events: &mut Events) -> Result<i32, Fault> {
        self.board = Arc::default();
        self.known.iter_mut().for_each(|known| known.joined = false);
        self.surveyor.one_cluster().await?;
        let matching = self.find(events).await?;
        let read = self.known.iter().map(|known| known.route.clone());
        let read: Vec<Route> = read.filter(|route| self.reads(&route.source_topic, &matching)).collect();
        if read.is_empty() {
            self.first.get_or_insert_default();
            return Ok(0);
        }
        let survey = self.surveyor.survey(&read).await?;
        let dead_letter = survey.dead_letter.clone();
        self.join(survey, events)?;
        let waiting = matching.into_iter().filter(|topic| !self.joined(topic)).collect();
        self.board.change(|shown| shown.waiting = waiting);
        if self.first.is_none() {
            let joined = self.known.iter().filter(|known| known.joined);
            self.first = Some(joined.map(|known| known.route.source_topic.clone()).collect());
        }
        if self.any() { dead_letter.transpose().map(Option::unwrap_or_default) } else { Ok(0) }
    }

    /// Waits until something is due, and asks: for a newer schema, or for new topics. Safe to drop.
    pub(super) async fn freshen(&mut self, events: &mut Events) {
        let schemas = self.kept().filter_map(|kept| kept.due).min();
        let topics = (!self.surveyor.config.source.topics.patterns.is_empty()).then_some(self.topics_due);
        match schemas.into_iter().chain(topics).min() {
            None => std::future::pending().await,
            Some(due) => tokio::time::sleep_until(due.into()).await,
        }
        let now = Instant::now();
        if topics.is_some_and(|due| due <= now)
            && let Err(fault) = self.freshen_topics(events).await
        {
            events.waiting(&fault, Instant::now());
        }
        self.freshen_schemas(now, events).await;
    }

    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// How many topics are read now.
    pub(super) fn count(&self) -> usize {
        self.known.iter().filter(|known| known.joined).count()
    }

    /// How many partitions the topics have that are read now, as they were when last looked at.
    pub(super) fn partitions(&self) -> usize {
        let routes = self.board.shown().routes;
        let partitions = routes.iter().map(|prepared| usize::try_from(prepared.partitions.source).unwrap_or(0));
        partitions.sum()
    }

    /// Whether a look soon may find more, because the registry did not answer.
    pub(super) fn unanswered(&self) -> bool {
        self.unanswered
    }

    fn joined(&self, topic: &str) -> bool {
        self.known.iter().any(|known| known.joined && known.route.source_topic == topic)
    }

    pub(super) fn any(&self) -> bool {
        self.count() > 0
    }

    pub(super) fn nothing_matches(&self) -> Fault {
        let config = &self.surveyor.config;
        let message = format!(
            "no topic that can be read matches {:?} on [kafka.{}]; looks again every {} ms",
            config.source.topics.patterns,
            config.source.kafka,
            config.source.topic_refresh.as_millis()
        );
        Fault::passing(Stage::Consume, Blame::Config, "no_topic_matches", message)
    }

    fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.known.iter().flat_map(|known| known.key.iter().chain(&known.value))
    }

    fn reads(&self, topic: &String, matching: &BTreeSet<String>) -> bool {
        self.surveyor.config.source.topics.names.contains(topic) || matching.contains(topic)
    }

    /// The topics that match a pattern now; the schemas of new ones are resolved.
    async fn find(&mut self, events: &mut Events) -> Result<BTreeSet<String>, Fault> {
        let config = Arc::clone(&self.surveyor.config);
        if config.source.topics.patterns.is_empty() {
            return Ok(BTreeSet::new());
        }
        self.topics_due = Instant::now() + config.source.topic_refresh;
        let [matching, outputs] = self.surveyor.matching(&self.writers).await?;
        for output in outputs.difference(&self.outputs) {
            events.topic_is_output(output);
        }
        self.outputs = outputs;
        self.metrics.still_match(&matching);
        self.unanswered = false;
        for topic in &matching {
            if self.known.iter().any(|known| known.route.source_topic == *topic) {
                continue;
            }
            let route = config.route(topic);
            if let Some(other) = self.known.iter().find(|known| known.route.sink_topic == route.sink_topic) {
                let message = format!("its sink topic is that of {:?} too", other.route.source_topic);
                let fault = Fault::lasting(Stage::Config, Blame::Config, "sink_taken", message);
                events.topic_waits(topic, &fault);
                continue;
            }
            match self.resolve(route, false, events).await {
                Ok(known) => self.known.push(known),
                Err(fault) => {
                    events.topic_waits(topic, &fault);
                    self.unanswered |= fault.retry;
                    // Nor would it answer for the others.
                    if matches!(fault.reason, "unreachable" | "timeout") {
                        break;
                    }
                }
            }
        }
        Ok(matching)
    }

    /// Puts on the board what was found fit, as read from now on.
    fn join(&mut self, survey: Survey, events: &mut Events) -> Result<(), Fault> {
        let names = &self.surveyor.config.source.topics.names;
        let (mut joined, mut failed) = (Vec::new(), Ok(()));
        for (topic, found) in survey.routes {
            let Some(known) = self.known.iter().find(|known| known.route.source_topic == topic) else { continue };
            match found {
                Ok(partitions) => {
                    let late = self.first.as_ref().is_some_and(|first| !first.contains(&topic));
                    joined.push(Arc::new(known.prepare(partitions, late, &self.metrics)));
                }
                Err(fault) if names.contains(&topic) => failed = Err(fault),
                Err(fault) => events.topic_waits(&topic, &fault),
            }
        }
        failed?;
        for prepared in &joined {
            let mut known = self.known.iter_mut().filter(|known| known.route.source_topic == prepared.source_topic);
            known.by_ref().for_each(|known| known.joined = true);
            events.topic_joined(&prepared.source_topic, &prepared.sink_topic);
        }
        self.board.change(|shown| {
            shown.subscribed.extend(joined.iter().map(|prepared| prepared.source_topic.clone()));
            shown.routes.extend(joined);
        });
        Ok(())
    }

    async fn freshen_topics(&mut self, events: &mut Events) -> Result<(), Fault> {
        let matching = self.find(events).await?;
        let names = self.surveyor.config.source.topics.names.clone();
        let gone =
            |known: &Known| !names.contains(&known.route.source_topic) && !matching.contains(&known.route.source_topic);
        // One answer without it may be a broker's that is behind; the second one is believed.
        let leaving = |known: &Known| gone(known) && known.missed;
        for known in self.known.iter().filter(|known| leaving(known)) {
            let topic = &known.route.source_topic;
            self.board.change(|shown| shown.subscribed.retain(|subscribed| subscribed != topic));
            self.metrics.forget_topic(topic);
            if known.joined {
                events.topic_left(topic);
            }
        }
        self.known.retain(|known| !leaving(known));
        self.known.iter_mut().for_each(|known| known.missed = gone(known));
        let fresh = self.known.iter().filter(|known| !known.joined && matching.contains(&known.route.source_topic));
        let fresh: Vec<Route> = fresh.map(|known| known.route.clone()).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let survey = self.surveyor.survey(&fresh).await?;
        self.join(survey, events)
    }

    /// A newer latest version is written with from the next record on. One that cannot be used, or a registry that does
    /// not answer, changes nothing: the schema in force stays.
    async fn freshen_schemas(&mut self, now: Instant, events: &mut Events) {
        let mut silent = false;
        for known in &mut self.known {
            let topic = &known.route.source_topic;
            for kept in known.key.iter_mut().chain(&mut known.value) {
                let Some(refresh) = kept.refresh().filter(|_| kept.due.is_some_and(|due| due <= now)) else { continue };
                kept.due = Some(now + refresh);
                if silent {
                    continue;
                }
                let conversion = &kept.schema.conversion;
                let resolved = match kept.source.resolve().await {
                    Ok(resolved) if resolved == kept.schema.cell.target().resolved => {
                        self.metrics.schema_answered(topic, conversion.part, Instant::now());
                        continue;
                    }
                    Ok(resolved) => resolved,
                    Err(fault) => {
                        events.schema_refresh_failed(&fault, Instant::now());
                        // The others would not get an answer either, each after a wait of its own.
                        silent = fault.retry;
                        continue;
                    }
                };
                match Target::compile(resolved, &conversion.transcoder) {
                    Ok(target) => {
                        let resolved = target.resolved.clone();
                        kept.schema.cell.switch(target);
                        self.board.change(|_| ());
                        // Told after the lane can see it: whoever waits for the news may write by the new version at once.
                        in_force(topic, conversion, &resolved, &self.metrics, events);
                    }
                    Err(fault) => events.schema_refresh_failed(&fault, Instant::now()),
                }
            }
        }
    }

    async fn resolve(&self, route: Route, patient: bool, events: &Events) -> Result<Known, Fault> {
        let mut kept = [None, None];
        for (place, conversion) in [&route.key, &route.value].into_iter().enumerate() {
            let Some(conversion) = conversion.clone() else { continue };
            let registry = Arc::clone(&self.registry);
            let source = Source::new(registry, conversion.subject.clone(), conversion.schema.clone());
            let resolved = if patient { source.resolve_at_start().await? } else { source.resolve_once().await? };
            let target = Target::compile(resolved, &conversion.transcoder)?;
            in_force(&route.source_topic, &conversion, &target.resolved, &self.metrics, events);
            let schema = Schema { conversion: Arc::new(conversion), cell: Arc::new(SchemaCell::new(target)) };
            let mut fresh = Kept { schema, source, due: None };
            fresh.due = fresh.refresh().map(|refresh| Instant::now() + refresh);
            kept[place] = Some(fresh);
        }
        let [key, value] = kept;
        Ok(Known { route, key, value, joined: false, missed: false })
    }
}

impl Known {
    fn prepare(&self, partitions: Partitions, late: bool, metrics: &LaneMetrics) -> Prepared {
        let schema = |kept: &Option<Kept>| kept.as_ref().map(|kept| kept.schema.clone());
        Prepared {
            place: metrics.route(&self.route.source_topic, &self.route.sink_topic),
            source_topic: self.route.source_topic.clone(),
            sink_topic: self.route.sink_topic.clone(),
            partitions,
            late,
            key: schema(&self.key),
            value: schema(&self.value),
        }
    }
}

impl Kept {
    fn refresh(&self) -> Option<Duration> {
        match self.schema.conversion.schema {
            SchemaChoice::Latest { refresh } => Some(refresh),
            // Settled once: it has no age.
            SchemaChoice::Version(_) | SchemaChoice::Id(_) | SchemaChoice::File { .. } => None,
        }
    }
}

/// Tells which schema is written with from now on.
fn in_force(topic: &str, conversion: &Conversion, resolved: &Resolved, metrics: &LaneMetrics, events: &Events) {
    let in_force = SchemaInForce {
        subject: resolved.subject.clone().unwrap_or_else(|| conversion.subject.clone()),
        version: resolved.version,
        id: resolved.id,
    };
    events.schema_in_force(topic, conversion.part, in_force);
    if matches!(conversion.schema, SchemaChoice::Latest { .. }) {
        metrics.schema_answered(topic, conversion.part, Instant::now());
    }
}
