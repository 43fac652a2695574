//! A registry's answers: bytes -> checked values.
//!
//! Comes in: the body of a 200. Goes out: schemas, versions, ids that make sense. Must never: trust a body: a proxy's
//! login page is a 200 as well.

use super::failure::{Failure, Reason, one_line};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A schema and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The schema's text, JSON.
    pub text: String,
    /// The named types that it takes from other subjects.
    pub references: Vec<Reference>,
}

/// A schema refers to a version of another subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The full name of the type that is taken from there.
    pub name: String,
    /// The subject that holds it.
    pub subject: String,
    /// The version of that subject.
    pub version: i32,
}

/// One version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The subject, under the name that the registry gives it.
    pub subject: String,
    /// Its number, from 1.
    pub version: i32,
    /// The schema's id, from 1.
    pub id: i32,
    /// The schema.
    pub schema: Schema,
}

/// What a body can be read as. `asked` says what was asked where, for messages.
pub(super) trait Answer: Sized {
    fn read(body: &[u8], asked: &str) -> Result<Self, Failure>;
}

impl Answer for Version {
    fn read(body: &[u8], asked: &str) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Body {
            subject: String,
            version: i32,
            id: i32,
            #[serde(flatten)]
            schema: SchemaBody,
        }
        let body: Body = json(body, asked)?;
        Ok(Self {
            subject: body.subject,
            version: positive(body.version, "version", asked)?,
            id: positive(body.id, "id", asked)?,
            schema: body.schema.check(asked)?,
        })
    }
}

impl Answer for Schema {
    fn read(body: &[u8], asked: &str) -> Result<Self, Failure> {
        json::<SchemaBody>(body, asked)?.check(asked)
    }
}

/// The id of a schema that was registered.
pub(super) struct Registered(pub(super) i32);

impl Answer for Registered {
    fn read(body: &[u8], asked: &str) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Body {
            id: i32,
        }
        positive(json::<Body>(body, asked)?.id, "id", asked).map(Self)
    }
}

/// Absent `schemaType` means Avro, absent `references` none: Confluent leaves them out, and Apicurio always does by id.
#[derive(Deserialize)]
struct SchemaBody {
    schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
}

impl SchemaBody {
    fn check(self, asked: &str) -> Result<Schema, Failure> {
        match self.schema_type.as_deref() {
            None | Some("AVRO") => Ok(Schema { text: self.schema, references: self.references.unwrap_or_default() }),
            Some(other) => Err(Failure::new(Reason::WrongType, format!("{asked}: the schema's type is {other:?}"))),
        }
    }
}

fn json<T: DeserializeOwned>(body: &[u8], asked: &str) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let why = one_line(&error.to_string());
        Failure::new(Reason::BadAnswer, format!("{asked}: HTTP 200 with a body that is no answer ({why})"))
    })
}

/// No registry gives out 0 or less, and a schema id of 0 in a frame would be read as one all the same.
fn positive(number: i32, what: &str, asked: &str) -> Result<i32, Failure> {
    if number > 0 {
        return Ok(number);
    }
    Err(Failure::new(Reason::BadAnswer, format!("{asked}: HTTP 200 with {what} {number}")))
}
