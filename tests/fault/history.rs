//! What happened, as seen from outside: what went in, what came out, what was committed. The checker's only input.
//!
//! Anyone who moves records from one topic to another can be checked so: each output has to tell its source position, and
//! a value has to be comparable to what it should be.

/// A record's place in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A record of the source topic and what must become of it.
#[derive(Clone, Debug)]
pub(crate) struct Input<V> {
    pub(crate) at: Position,
    pub(crate) key: Vec<u8>,
    pub(crate) fate: Fate<V>,
}

/// How an input must end.
#[derive(Clone, Debug)]
pub(crate) enum Fate<V> {
    /// In the sink topic, with this value.
    Output(V),
    /// In the dead letter topic.
    DeadLetter,
    /// Nowhere.
    Filtered,
}

/// A record of the sink topic, decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output<V> {
    pub(crate) at: Position,
    /// Where it says that it came from.
    pub(crate) source: Position,
    pub(crate) key: Vec<u8>,
    pub(crate) value: V,
    /// As written.
    pub(crate) bytes: Vec<u8>,
    /// When the broker appended it, in milliseconds since the epoch.
    pub(crate) appended: i64,
}

/// A record of the dead letter topic.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// Where it says that it came from.
    pub(crate) source: Position,
    /// Key, value and headers are those of the source record, the reason is what is wrong with it.
    pub(crate) intact: bool,
}

/// An offset commit of the group, as the broker logged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) partition: i32,
    /// The next offset to read.
    pub(crate) next: i64,
    /// When the broker appended it, in milliseconds since the epoch. Offsets committed together have the same.
    pub(crate) appended: i64,
}

/// All that is known of one run.
#[derive(Clone, Debug)]
pub(crate) struct History<V> {
    /// By partition and offset.
    pub(crate) inputs: Vec<Input<V>>,
    /// What a read_committed reader saw during the run, in its order.
    pub(crate) watched: Vec<Output<V>>,
    /// What a read_committed reader saw after it, in the order of each partition.
    pub(crate) outputs: Vec<Output<V>>,
    pub(crate) letters: Vec<Letter>,
    /// In the order of the log.
    pub(crate) commits: Vec<Commit>,
    /// Offsets of the sink behind the last stable one: of a transaction that never ended.
    pub(crate) unstable: i64,
}

impl<V> Default for History<V> {
    fn default() -> Self {
        Self {
            inputs: Vec::new(),
            watched: Vec::new(),
            outputs: Vec::new(),
            letters: Vec::new(),
            commits: Vec::new(),
            unstable: 0,
        }
    }
}
