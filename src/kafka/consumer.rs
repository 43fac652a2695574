//! A lane's consumer: control events, data in batches, offsets.
//!
//! Two queues. Control (rebalances, commit results, errors) is the consumer's own queue and is always polled; data is a
//! queue of ours that assigned partitions are forwarded to, and is simply not read under back-pressure.
//!
//! Comes in: subscriptions, assignments, offsets to commit. Goes out: events, borrowed records. Must never: answer a
//! rebalance by itself, commit by itself, or wait without a bound.

use super::context::Control;
use super::ffi::{Batch, ControlQueue, DataQueue};
use super::offsets::{Watch, list_of};
use super::record::Item;
use super::{code_fault, fault, settings};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use crate::record::TopicPartition;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata, RebalanceProtocol};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// What the control queue has to say.
#[derive(Debug)]
pub enum Event {
    /// The group gives these partitions; answer with `Consumer::assign`.
    Assign(Vec<TopicPartition>),
    /// The group takes these partitions; drain, commit, then answer with `Consumer::unassign`.
    Revoke {
        /// Which.
        partitions: Vec<TopicPartition>,
        /// They may already have another owner: nothing may be committed any more.
        lost: bool,
    },
    /// A commit's result.
    Committed {
        /// What is committed now.
        offsets: Vec<(TopicPartition, i64)>,
        /// Why some of it is not, the first reason.
        fault: Option<Fault>,
    },
    /// librdkafka's own report of a failure.
    Trouble(Fault),
}

/// Where an assigned partition's reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which partition.
    pub partition: TopicPartition,
    /// The first offset to read; None: the first one that the log still has.
    pub offset: Option<i64>,
}

/// The consumer's membership in its group at one moment: a transaction fails whose offsets come from an earlier one
/// (KIP-447).
#[allow(missing_debug_implementations, reason = "the crate's type has no Debug")]
pub struct Group(pub(super) ConsumerGroupMetadata);

/// A consumer in a group, owned by one lane.
#[allow(missing_debug_implementations, reason = "the crate's client has no Debug")]
pub struct Consumer {
    // In this order: messages, then the queues, then the client that they belong to. The other way round it hangs.
    batch: Batch,
    enough: usize,
    data: DataQueue,
    control: ControlQueue,
    client: Arc<BaseConsumer<Control>>,
    /// What the wall clock said last.
    wall: SystemTime,
}

impl Consumer {
    /// A consumer of a cluster in this group, subscribed to nothing yet. With an instance id it is a static member: the
    /// group keeps its partitions for it after it has ended.
    ///
    /// # Errors
    /// librdkafka refuses a property.
    pub fn new(
        kafka: &config::Kafka,
        group_id: &str,
        instance_id: Option<&str>,
        room: config::Room,
    ) -> Result<Self, Fault> {
        let what = || format!("consumer of [kafka.{}]", kafka.name);
        let client: BaseConsumer<Control> = settings::consumer(kafka, group_id, instance_id, room)
            .create_with_context(Control::default())
            .map_err(|error| fault(Stage::Consume, &what(), &error))?;
        let native = client.client().native_ptr();
        let queues = DataQueue::new(native).zip(ControlQueue::new(native));
        let (data, control) = queues.ok_or_else(|| {
            Fault::lasting(Stage::Consume, Blame::Us, "no_queue", format!("{}: it has no queue", what()))
        })?;
        let enough = usize::try_from(room.batch_bytes).unwrap_or(usize::MAX);
        let wall = SystemTime::now();
        Ok(Self { batch: Batch::new(), enough, data, control, client: Arc::new(client), wall })
    }

    /// Asks for a share of these topics.
    ///
    /// # Errors
    /// librdkafka does not take a name.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), Fault> {
        self.client.subscribe(topics).map_err(|error| fault(Stage::Consume, "subscribing", &error))
    }

    /// Leaves the group: a `Revoke` of everything follows.
    pub fn unsubscribe(&self) {
        self.client.unsubscribe();
    }

    /// Has librdkafka look after its group now. It does so when something comes for the group, and else every half second
    /// (`rkcg_serve_timer`); that the connection to the coordinator is up does not count as something: left alone, joining
    /// takes that half second. Any question to the group does.
    pub fn hasten(&self) {
        drop(self.client.subscription());
    }

    /// Serves the control queue without waiting and gives the next event.
    #[must_use]
    pub fn control(&self) -> Option<Event> {
        if let Some(event) = self.client.context().next() {
            return Some(event);
        }
        match self.client.poll(Duration::ZERO) {
            Some(Ok(message)) => {
                use rdkafka::Message as _;
                // Cannot be: every assigned partition is forwarded before its assignment. To pass over it would lose it.
                let place = format!("{}[{}]@{}", message.topic(), message.partition(), message.offset());
                let text = format!("a record came on the control queue: {place}");
                return Some(Event::Trouble(Fault::lasting(Stage::Consume, Blame::Us, "misrouted", text)));
            }
            Some(Err(error)) => self.client.context().note(Event::Trouble(fault(Stage::Consume, "consuming", &error))),
            None => {}
        }
        self.client.context().next()
    }

    /// Replaces the batch by what the data queue has, waiting up to `wait` for the first record.
    pub fn take(&mut self, wait: Duration) {
        self.data.take(&mut self.batch, wait, self.enough);
        self.rouse();
    }

    /// librdkafka's own thread, which sends heartbeats, sleeps to a moment of the wall clock: where that was set back, it
    /// would sleep until somebody wants something of it.
    fn rouse(&mut self) {
        let now = SystemTime::now();
        if now < self.wall {
            drop(self.client.group_metadata());
        }
        self.wall = now;
    }

    /// How many items the batch holds.
    #[must_use]
    pub fn batch_len(&self) -> usize {
        self.batch.len()
    }

    /// The batch's item number `index`.
    #[must_use]
    pub fn item(&self, index: usize) -> Option<Item<'_>> {
        self.batch.get(index).map(Item::of)
    }

    /// Answers an `Assign`: forwards each partition to the data queue and begins to read at its position.
    ///
    /// # Errors
    /// librdkafka does not know a partition, or is not in a state to assign.
    pub fn assign(&self, positions: &[Position]) -> Result<(), Fault> {
        let mut list = TopicPartitionList::new();
        for Position { partition, offset } in positions {
            if !self.forward(partition) {
                let message = format!("{partition} has no queue");
                return Err(Fault::lasting(Stage::Consume, Blame::Us, "no_queue", message));
            }
            let offset = offset.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&partition.topic, partition.partition, offset)
                .map_err(|error| fault(Stage::Consume, "assigning", &error))?;
        }
        self.answer(&list, true)?;
        // A pause that the application set survives in librdkafka's partition object.
        self.client.resume(&list).map_err(|error| fault(Stage::Consume, "resuming", &error))
    }

    /// Sends a partition's records to the data queue. To be said again now and then while the partition is in hand:
    /// librdkafka ends an earlier assignment of it in its own time, and with it the forwarding
    /// (`rd_kafka_toppar_fetch_stop`). What came meanwhile waits in the partition's queue and comes over in order.
    pub fn forward(&self, partition: &TopicPartition) -> bool {
        let topic = CString::new(partition.topic.as_str()).unwrap_or_default();
        self.data.forward(&topic, partition.partition)
    }

    /// Answers a `Revoke`.
    ///
    /// # Errors
    /// librdkafka is not in a state to unassign.
    pub fn unassign(&self, revoked: &[TopicPartition]) -> Result<(), Fault> {
        self.answer(&list_of(revoked), false)
    }

    fn answer(&self, list: &TopicPartitionList, assign: bool) -> Result<(), Fault> {
        let cooperative = matches!(self.client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let answered = match (cooperative, assign) {
            (true, true) => self.client.incremental_assign(list),
            (true, false) => self.client.incremental_unassign(list),
            (false, true) => self.client.assign(list),
            (false, false) => self.client.unassign(),
        };
        answered.map_err(|error| fault(Stage::Consume, "answering a rebalance", &error))
    }

    /// Stops fetching a partition; what was fetched of it already comes no more once it was sought.
    ///
    /// # Errors
    /// The partition is not assigned.
    pub fn pause(&self, partition: &TopicPartition) -> Result<(), Fault> {
        let list = list_of(std::slice::from_ref(partition));
        self.client.pause(&list).map_err(|error| fault(Stage::Consume, "pausing", &error))
    }

    /// Reads on from `offset`.
    ///
    /// # Errors
    /// The partition is not assigned or librdkafka does not answer within a second; `not_fetching`: its fetching has ended
    /// (an offset out of range ends it), and only `restart` begins it again.
    pub fn seek(&self, partition: &TopicPartition, offset: i64) -> Result<(), Fault> {
        let what = format!("seeking {partition} to {offset}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(offset))
            .map_err(|error| fault(Stage::Consume, &what, &error))?;
        let sought = self.client.seek_partitions(list, Duration::from_secs(1));
        let sought = sought.map_err(|error| fault(Stage::Consume, &what, &error))?;
        let failed = sought.elements().iter().find_map(|element| element.error().err());
        failed.map_or(Ok(()), |error| Err(fault(Stage::Consume, &what, &error)))
    }

    /// Begins to fetch a partition anew, at its position. `held` are the positions of all partitions in hand, this one's
    /// included: the eager protocol knows only whole assignments. Not while a rebalance waits for its answer.
    ///
    /// # Errors
    /// librdkafka is not in a state to assign.
    pub fn restart(&self, position: &Position, held: &[Position]) -> Result<(), Fault> {
        if !matches!(self.client.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            // In two steps: an assignment that holds the partition already leaves its fetching as it is.
            self.client.unassign().map_err(|error| fault(Stage::Consume, "beginning anew", &error))?;
            return self.assign(held);
        }
        self.unassign(std::slice::from_ref(&position.partition))?;
        self.assign(std::slice::from_ref(position))
    }

    /// Sends a commit of "next to read" offsets; its result comes as an `Event::Committed`.
    ///
    /// # Errors
    /// The commit could not be queued.
    pub fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), Fault> {
        match RDKafkaErrorCode::from(self.control.commit(offsets)) {
            RDKafkaErrorCode::NoError => Ok(()),
            code => Err(code_fault(Stage::Commit, "sending a commit", code)),
        }
    }

    /// The membership as it is now.
    ///
    /// # Errors
    /// The client has no group, which cannot be.
    pub fn group(&self) -> Result<Group, Fault> {
        let none = || Fault::lasting(Stage::Commit, Blame::Us, "no_group", "the consumer has no group metadata");
        self.client.group_metadata().map(Group).ok_or_else(none)
    }

    /// Undoes a `pause`.
    ///
    /// # Errors
    /// The partition is not assigned.
    pub fn resume(&self, partition: &TopicPartition) -> Result<(), Fault> {
        let list = list_of(std::slice::from_ref(partition));
        self.client.resume(&list).map_err(|error| fault(Stage::Consume, "resuming", &error))
    }

    /// Asks this consumer's cluster for offsets, from any thread. Drop it before the consumer.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.client))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.client.context().closing.store(true, Ordering::Relaxed);
        // A revocation that nobody answered: the close waits for the answer for ever.
        if let Ok(held) = self.client.assignment() {
            drop(self.answer(&held, false));
        }
    }
}
