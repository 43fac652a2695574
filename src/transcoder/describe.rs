//! Types in the words of messages.
//!
//! Comes in: a plan and one of its types. Goes out: what a person calls it. Must never: grow with the schema; a union of
//! hundreds is cut.

use super::plan::{FixedLogical, Node, Plan};
use super::tagged;
use std::fmt;

/// Names a type for a person, by its schema alone.
pub(super) struct Describe<'a>(pub(super) &'a Plan, pub(super) &'a Node);

impl fmt::Display for Describe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(plan, node) = self;
        match node {
            Node::Null => f.write_str("null"),
            Node::Boolean => f.write_str("boolean"),
            Node::Int(None) => f.write_str("int"),
            Node::Long(None) => f.write_str("long"),
            Node::Int(Some(logical)) => write!(f, "int ({}: a number, or {})", logical.label(), logical.text()),
            Node::Long(Some(logical)) => write!(f, "long ({}: a number, or {})", logical.label(), logical.text()),
            Node::Float => f.write_str("float"),
            Node::Double => f.write_str("double"),
            Node::String => f.write_str("string"),
            Node::Uuid => f.write_str("string (uuid)"),
            Node::Bytes(text) => write!(f, "bytes{}", text.label()),
            Node::Fixed(fixed) => {
                let text = match fixed.logical {
                    None => fixed.text.label(),
                    Some(FixedLogical::Uuid) => " (uuid)",
                    Some(FixedLogical::Duration) => " (duration: P1Y2M3DT4H5M6S, or its bytes)",
                };
                write!(f, "fixed {} of {} bytes{text}", fixed.name, fixed.size)
            }
            Node::BigDecimal => f.write_str("big-decimal"),
            Node::Timed(timed) => timed.describe(f),
            Node::Named(named) => write!(f, "{}, told by {:?}", Describe(plan, &named.union), named.key),
            Node::Accepting(accepting) => Describe(plan, &accepting.node).fmt(f),
            Node::Decimal(decimal) => write!(f, "decimal({}, {})", decimal.precision, decimal.scale),
            Node::Enum(symbols) => write!(f, "enum {}", symbols.name),
            Node::Array(_) => f.write_str("array"),
            Node::Map(_) => f.write_str("map"),
            Node::Record(index) => match plan.records.get(*index as usize) {
                Some(record) => write!(f, "record {}", record.name),
                None => f.write_str("record"),
            },
            Node::Tagged(tagged) => tagged::describe(f, plan, tagged),
            Node::Nullable(nullable) => write!(f, "null or {}", Describe(plan, &nullable.value)),
            Node::Union(union) => {
                f.write_str("one of")?;
                for (index, branch) in union.branches.iter().enumerate() {
                    // A message is for a person: a union of hundreds is cut.
                    if index == 8 {
                        return write!(f, ", and {} more", union.branches.len() - index);
                    }
                    write!(f, "{} {}", if index == 0 { "" } else { "," }, Describe(plan, branch))?;
                }
                Ok(())
            }
        }
    }
}
