//! Questions that only a check asks of a cluster: a topic's settings, and what the principal may do.
//!
//! Comes in: a cluster, a topic's or group's name. Goes out: answers, or a fault. Must never: change anything, join a
//! group, wait without a bound.

use super::ffi::{self, Resource};
use super::{context, fault, settings, topics};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::{Duration, Instant};

/// One question waits so long before it is put again, or given up.
const SLICE: Duration = Duration::from_secs(3);

/// What an ACL allows, as far as a pipeline needs it. The numbers are librdkafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// Of a topic's records, or in a group.
    Read = 3,
    /// Of a topic's records.
    Write = 4,
    /// Of a topic.
    Create = 5,
    /// Seeing that something is there; comes with Read and Write.
    Describe = 8,
}

/// The operations that the principal is allowed on one resource (KIP-430).
#[derive(Clone, Debug)]
pub struct Operations(Vec<u32>);

impl Operations {
    /// Whether this one is allowed.
    #[must_use]
    pub fn allow(&self, operation: Operation) -> bool {
        self.0.contains(&(operation as u32))
    }
}

/// A connection to ask one cluster.
#[allow(missing_debug_implementations, reason = "the crate's client has no Debug")]
pub struct Admin {
    kafka: config::Kafka,
    client: BaseConsumer<context::Control>,
    admin: AdminClient<context::Control>,
    /// The most that all waiting for one answer takes.
    patience: Duration,
}

impl Admin {
    /// Connects in the background, in the name of a group where one is given; nothing is asked yet.
    ///
    /// # Errors
    /// librdkafka refuses a property.
    pub fn new(kafka: &config::Kafka, group_id: Option<&str>, patience: Duration) -> Result<Self, Fault> {
        let refused = |error| fault(Stage::Config, &format!("client of [kafka.{}]", kafka.name), &error);
        let mut settings = match group_id {
            Some(group) => settings::consumer(kafka, group, None, config::Room::LEAST),
            None => settings::inquirer(kafka),
        };
        settings.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let client = settings.create_with_context(context::Control::default()).map_err(refused)?;
        let mut settings = settings::inquirer(kafka);
        settings.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let admin = settings.create_with_context(context::Control::default()).map_err(refused)?;
        Ok(Self { kafka: kafka.clone(), client, admin, patience })
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// Lasting: no such topic, or not for us to see. Passing: no answer within the patience.
    pub fn partition_count(&self, topic: &str) -> Result<i32, Fault> {
        let began = Instant::now();
        loop {
            let left = self.patience.saturating_sub(began.elapsed());
            let mut fault = match topics::partition_count(&self.client, topic, left.min(SLICE)) {
                Ok(count) => return Ok(count),
                Err(fault) => fault,
            };
            let trouble = self.trouble();
            if left > SLICE && fault.retry {
                continue;
            }
            if let (true, Some(trouble)) = (fault.retry, trouble) {
                fault.message = format!("{}; {}", fault.message, trouble.message);
                if trouble.reason == "not_authenticated" {
                    (fault.blame, fault.reason) = (trouble.blame, trouble.reason);
                }
            }
            return Err(fault);
        }
    }

    /// A topic's settings by their names, defaults included; secret ones are left out.
    ///
    /// # Errors
    /// `not_authorized`, or no answer within the patience.
    pub async fn topic_settings(&self, topic: &str) -> Result<BTreeMap<String, String>, Fault> {
        let what = format!("asking for the settings of topic {topic:?}");
        let options = AdminOptions::new().request_timeout(Some(self.patience.min(Duration::from_secs(10))));
        let asked = self.admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options).await;
        let answer = asked.map_err(|error| fault(Stage::Config, &what, &error))?;
        match answer.into_iter().next() {
            Some(Ok(found)) => {
                Ok(found.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
            }
            Some(Err(code)) => Err(super::code_fault(Stage::Config, &what, code)),
            None => Err(Fault::passing(Stage::Config, Blame::Broker, "broker_error", format!("{what}: no answer"))),
        }
    }

    /// Asks for the group's committed offset of one partition: whether the group may be used at all.
    ///
    /// # Errors
    /// `not_authorized`, or the coordinator does not answer within the patience.
    pub fn ask_group(&self, topic: &str) -> Result<(), Fault> {
        let began = Instant::now();
        loop {
            let mut list = TopicPartitionList::new();
            list.add_partition(topic, 0);
            let left = self.patience.saturating_sub(began.elapsed());
            let asked = self.client.committed_offsets(list, left).and_then(|found| {
                found.elements().iter().find_map(|element| element.error().err()).map_or(Ok(()), Err)
            });
            let asked = asked.map_err(|error| fault(Stage::Commit, "asking for the group's committed offsets", &error));
            match asked {
                // A broker that just started is still choosing its coordinators.
                Err(fault) if fault.retry && left > SLICE => std::thread::sleep(Duration::from_millis(200)),
                asked => return asked,
            }
        }
    }

    /// What the principal may do to a topic that is there. None: the cluster does not tell, as before Kafka 2.3.
    ///
    /// # Errors
    /// `not_authorized`: not even to see it. Passing: no answer within the patience.
    pub fn topic_operations(&self, topic: &str) -> Result<Option<Operations>, Fault> {
        let what = format!("asking what is allowed on topic {topic:?}");
        self.operations(&what, Resource::Topic(&CString::new(topic).unwrap_or_default()))
    }

    /// What the principal may do in a group, be it there or not. None: the cluster does not tell.
    ///
    /// # Errors
    /// As for `topic_operations`.
    pub fn group_operations(&self, group: &str) -> Result<Option<Operations>, Fault> {
        let what = format!("asking what is allowed in group {group:?}");
        self.operations(&what, Resource::Group(&CString::new(group).unwrap_or_default()))
    }

    /// What the principal may do to the cluster: nothing is shown without Describe on it. None: it does not tell.
    ///
    /// # Errors
    /// No answer within the patience.
    pub fn cluster_operations(&self) -> Result<Option<Operations>, Fault> {
        self.operations("asking what is allowed on the cluster", Resource::Cluster)
    }

    fn operations(&self, what: &str, of: Resource<'_>) -> Result<Option<Operations>, Fault> {
        let began = Instant::now();
        let found = loop {
            let left = self.patience.saturating_sub(began.elapsed());
            let code = match ffi::authorized_operations(self.admin.inner().native_ptr(), of, left) {
                Ok(found) => break found.map(Operations),
                Err(code) => RDKafkaErrorCode::from(code),
            };
            if matches!(code, RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) {
                return Ok(None);
            }
            let fault = super::code_fault(Stage::Config, what, code);
            let left = self.patience.saturating_sub(began.elapsed());
            if !fault.retry || left <= SLICE {
                return Err(fault);
            }
            // A broker that just started is still choosing its coordinators.
            std::thread::sleep(Duration::from_millis(200));
        };
        // Whoever is shown a topic or group may describe it: a list without that was not made for us. Kafka leaves the
        // cluster's list empty for want of Describe.
        let told = |found: &Operations| matches!(of, Resource::Cluster) || found.allow(Operation::Describe);
        Ok(found.filter(told))
    }

    /// The most bytes that a pipeline's producer sends in one record, key included.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        settings::most_bytes(&settings::inquirer(&self.kafka))
    }

    /// What librdkafka last said by itself: a refused connection, a failed login.
    fn trouble(&self) -> Option<Fault> {
        drop(self.client.poll(Duration::from_millis(20)));
        let mut last = None;
        while let Some(event) = self.client.context().next() {
            if let super::consumer::Event::Trouble(fault) = event {
                last = Some(fault);
            }
        }
        last
    }
}
