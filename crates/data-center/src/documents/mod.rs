//! Documents: what is bulky or searched. One interface, one variant per engine.
//!
//! A document is fed from the tables through the outbox. It has an id that its writer derives from what it is about, a
//! revision that only grows, and a JSON body. So a put or a removal can be repeated, and can come late or in any
//! order: what has the higher revision stays, and a removal wins over a put of the same revision. A removed document
//! leaves a mark, so that an older put that comes late does not bring it back; [`Documents::trim_removed`] drops old
//! marks.
//!
//! Each [`Kind`] declares the fields by which its documents are filtered, sorted and counted. A field is a key at the
//! top of the body, always there. The rest of the body is stored and given back, nothing more: that much a SQLite
//! file and a search engine both do well. One field never changes for an id: the partition field says in which
//! part of a large store a document lies, so a removal carries it too.
//!
//! What is stored is found a little later, within a second; a kind that [`Kind::is_read_at_once`] is found as soon as
//! the call that stored it has returned. An engine that is away fails each call within its time-out, and nothing is lost:
//! the outbox keeps what was not taken. All that one request of a user asks shares that time ([`Documents::for_request`]).

mod config;
mod elasticsearch;
pub mod retention;
mod sqlite;

use std::path::Path;

pub use config::DocumentsConfig;
pub use elasticsearch::ElasticsearchDocuments;
pub use sqlite::SqliteDocuments;

use crate::elasticsearch::ElasticsearchError;
use crate::sqlite_file::FileError;

/// How many values the filters of a query compare with at most, a list counted once. SQLite binds at most 32,766 in a
/// statement, and a few belong to the page.
pub const MAX_VALUES: usize = 32_000;

/// Bytes of an id at most: what Elasticsearch takes.
pub const MAX_ID: usize = 512;

/// The document store. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Documents {
    /// A SQLite file.
    Sqlite(SqliteDocuments),
    /// Indices on a cluster.
    Elasticsearch(ElasticsearchDocuments),
}

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An interval of a verdict.
    Result,
    /// A report of a diagnosis.
    Report,
}

/// A key of a body by which documents are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Text.
    EvaluationKey,
    /// Text.
    HostId,
    /// Text.
    Value,
    /// Text.
    TaskId,
    /// Text.
    Owner,
    /// Text.
    TreeName,
    /// Milliseconds.
    StartMs,
    /// Milliseconds.
    EndMs,
    /// Milliseconds.
    CreatedMs,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A text, compared byte by byte.
    Text,
    /// A signed 64-bit integer.
    Integer,
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is about.
    pub kind: Kind,
    /// Unique within the kind.
    pub id: String,
    /// Grows with every change.
    pub revision: i64,
    /// An object with all fields of the kind, and more.
    pub body: serde_json::Value,
}

/// How long a part of a large store is, in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A calendar month, UTC.
    Month,
    /// A calendar year, UTC.
    Year,
}

/// A document that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Which.
    pub id: String,
    /// As of which revision.
    pub revision: i64,
    /// Its partition field ([`Kind::partition`]).
    pub partition_ms: i64,
}

/// A document that the engine never takes, whatever is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// The text is one of these; an empty list matches nothing.
    In(Field, Vec<String>),
    /// The integer is at least the first and below the second, where given.
    Range(Field, Option<i64>, Option<i64>),
}

/// Order of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Which documents, in which order, and which page of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// All must hold.
    pub all_of: Vec<Filter>,
    /// At least one group must hold, each with all its filters; no group = no condition.
    pub any_of: Vec<Vec<Filter>>,
    /// First by the first; equal ones by id, ascending, so that pages are stable.
    pub sort: Vec<(Field, Direction)>,
    /// Documents to leave out at the start.
    pub offset: u64,
    /// Documents to give at most.
    pub limit: u64,
}

/// A page of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Documents on all pages.
    pub total: u64,
    /// Those on this page.
    pub documents: Vec<Document>,
}

/// What can go wrong with documents.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// The engine refused a statement or does not answer.
    #[error("the document store failed")]
    Engine(#[from] sqlx::Error),
    /// Elasticsearch is away, or refused a request.
    #[error(transparent)]
    Elasticsearch(#[from] ElasticsearchError),
    /// The cluster is not ready yet.
    #[error("documents on Elasticsearch are being prepared; ask again")]
    Preparing,
    /// A newer release has been here.
    #[error(
        "the index {index} was written by a newer release; this one knows the layout of documents up to version \
         {known}: start the newer release, or restore a backup"
    )]
    NewerLayout {
        /// The index.
        index: String,
        /// The newest version that is known here.
        known: u32,
    },
    /// The engine never takes this document.
    #[error("{kind:?} document {id} is refused: {reason}")]
    Refused {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
    /// An id that not every engine takes.
    #[error("{kind:?} document: the id has {length} bytes, not 1 to {MAX_ID}")]
    IdLength {
        /// Its kind.
        kind: Kind,
        /// How long it is.
        length: usize,
    },
    /// A document lacks a field of its kind, or has it with a wrong type.
    #[error("{kind:?} document {id} has no {field_type:?} field '{}'", field.name())]
    MissingField {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
        /// The field.
        field: Field,
        /// What it must hold.
        field_type: FieldType,
    },
    /// The query compares with more values than a statement takes.
    #[error("the query compares with {values} values, more than {MAX_VALUES}")]
    TooWide {
        /// How many.
        values: usize,
    },
    /// The query names a field that the kind has not, or compares it as something that it is not.
    #[error("documents of kind {kind:?} have no {field_type:?} field '{}'", field.name())]
    NoSuchField {
        /// The kind.
        kind: Kind,
        /// The field.
        field: Field,
        /// What the query takes it for.
        field_type: FieldType,
    },
    /// What is stored is not JSON: a defect, or a foreign hand.
    #[error("stored {kind:?} document {id} is not readable")]
    Stored {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 2] = [Kind::Result, Kind::Report];

    /// The fields that every document of this kind has.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Kind::Result => &[
                Field::EvaluationKey,
                Field::HostId,
                Field::Value,
                Field::StartMs,
                Field::EndMs,
            ],
            Kind::Report => &[
                Field::TaskId,
                Field::Owner,
                Field::HostId,
                Field::TreeName,
                Field::StartMs,
                Field::EndMs,
                Field::CreatedMs,
            ],
        }
    }

    /// The field that never changes for an id, and how long a part of the store is by it.
    ///
    /// Both begin with what they are about. Users choose the time of a diagnosis, results follow the clock: so reports
    /// lie in coarser parts, lest somebody who asks for every month since 1970 makes as many.
    pub const fn partition(self) -> (Field, Period) {
        match self {
            Kind::Result => (Field::StartMs, Period::Month),
            Kind::Report => (Field::StartMs, Period::Year),
        }
    }

    /// What its age counts from: the end of a result, the making of a report, which may be about a time long ago.
    pub const fn age(self) -> Field {
        match self {
            Kind::Result => Field::EndMs,
            Kind::Report => Field::CreatedMs,
        }
    }

    /// Whether a document is found as soon as the call that stored it has returned.
    pub const fn is_read_at_once(self) -> bool {
        match self {
            Kind::Result => false,
            Kind::Report => true,
        }
    }

    /// Refuses a field that the kind has not, or has as something else.
    fn check(self, field: Field, field_type: FieldType) -> Result<(), DocumentsError> {
        if self.fields().contains(&field) && field.field_type() == field_type {
            return Ok(());
        }
        Err(DocumentsError::NoSuchField {
            kind: self,
            field,
            field_type,
        })
    }
}

impl Field {
    /// The key in the body.
    pub const fn name(self) -> &'static str {
        match self {
            Field::EvaluationKey => "evaluation_key",
            Field::HostId => "host_id",
            Field::Value => "value",
            Field::TaskId => "task_id",
            Field::Owner => "owner",
            Field::TreeName => "tree_name",
            Field::StartMs => "start_ms",
            Field::EndMs => "end_ms",
            Field::CreatedMs => "created_ms",
        }
    }

    /// What it holds.
    pub const fn field_type(self) -> FieldType {
        match self {
            Field::StartMs | Field::EndMs | Field::CreatedMs => FieldType::Integer,
            Field::EvaluationKey
            | Field::HostId
            | Field::Value
            | Field::TaskId
            | Field::Owner
            | Field::TreeName => FieldType::Text,
        }
    }
}

impl Filter {
    /// How many values it compares with.
    fn values(&self) -> usize {
        match self {
            Filter::In(..) => 1,
            Filter::Range(_, minimum, maximum) => {
                usize::from(minimum.is_some()) + usize::from(maximum.is_some())
            }
        }
    }
}

impl Query {
    /// Refuses fields that the kind has not, or that are compared as something else, and too many values.
    fn check(&self, kind: Kind) -> Result<(), DocumentsError> {
        let filters = || self.all_of.iter().chain(self.any_of.iter().flatten());
        let values = filters().map(Filter::values).sum();
        if values > MAX_VALUES {
            return Err(DocumentsError::TooWide { values });
        }
        for filter in filters() {
            match filter {
                Filter::In(field, _) => kind.check(*field, FieldType::Text)?,
                Filter::Range(field, ..) => kind.check(*field, FieldType::Integer)?,
            }
        }
        for (field, _) in &self.sort {
            kind.check(*field, field.field_type())?;
        }
        Ok(())
    }
}

impl Document {
    /// Its partition field; every document has it.
    fn partition_ms(&self) -> i64 {
        let (field, _) = self.kind.partition();
        self.body[field.name()].as_i64().unwrap_or(0)
    }

    /// With the fields that older releases did not write: a report counts as made at the end of what it is about.
    fn completed(mut self) -> Self {
        let (created, end) = (Field::CreatedMs.name(), Field::EndMs.name());
        if self.kind == Kind::Report && self.body[created].is_null() {
            self.body[created] = self.body[end].clone();
        }
        self
    }

    /// Refuses a body that lacks a field of its kind, and an id that not every engine takes.
    pub fn check(&self) -> Result<(), DocumentsError> {
        check_id(self.kind, &self.id)?;
        for field in self.kind.fields() {
            let value = &self.body[field.name()];
            let fits = match field.field_type() {
                FieldType::Text => value.is_string(),
                FieldType::Integer => value.is_i64(),
            };
            if !fits {
                return Err(DocumentsError::MissingField {
                    kind: self.kind,
                    id: self.id.clone(),
                    field: *field,
                    field_type: field.field_type(),
                });
            }
        }
        Ok(())
    }
}

fn check_id(kind: Kind, id: &str) -> Result<(), DocumentsError> {
    let length = id.len();
    if (1..=MAX_ID).contains(&length) {
        return Ok(());
    }
    Err(DocumentsError::IdLength { kind, length })
}

impl DocumentsError {
    /// Whether the engine is away, so that the same call may succeed later.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Elasticsearch(error) => error.is_passing(),
            Self::Preparing | Self::NewerLayout { .. } => true,
            _ => false,
        }
    }
}

impl Documents {
    /// Opens the configured engine: the SQLite file, which is made when there is none, or a cluster, which may be away.
    pub async fn open(config: &DocumentsConfig, file: &Path) -> Result<Self, DocumentsError> {
        Ok(match config {
            DocumentsConfig::Embedded {} => Self::Sqlite(SqliteDocuments::open(file).await?),
            DocumentsConfig::Elasticsearch(config) => {
                Self::Elasticsearch(ElasticsearchDocuments::open(config).await?)
            }
        })
    }

    /// Stores documents, and gives those that the engine never takes. One whose stored revision is equal or newer is
    /// left as it is. After an error some may be stored: put all again.
    pub async fn put(&self, documents: Vec<Document>) -> Result<Vec<Refusal>, DocumentsError> {
        for document in &documents {
            document.check()?;
        }
        match self {
            Self::Sqlite(sqlite) => sqlite.put(documents).await.map(|()| Vec::new()),
            Self::Elasticsearch(elasticsearch) => elasticsearch.put(documents).await,
        }
    }

    /// Removes documents as of a revision. One whose stored revision is newer is left as it is. `now_ms` is kept with
    /// the mark of the removal. After an error some may be removed: remove all again.
    pub async fn remove(
        &self,
        kind: Kind,
        removals: Vec<Removal>,
        now_ms: i64,
    ) -> Result<(), DocumentsError> {
        for removal in &removals {
            check_id(kind, &removal.id)?;
        }
        match self {
            Self::Sqlite(sqlite) => sqlite.remove(kind, removals, now_ms).await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.remove(kind, &removals, now_ms).await,
        }
    }

    /// Waits until all that was stored before is found.
    pub async fn refresh(&self, kind: Kind) -> Result<(), DocumentsError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Elasticsearch(elasticsearch) => elasticsearch.refresh(kind).await,
        }
    }

    /// The documents with these ids, in no order; unknown and removed ones are left out.
    pub async fn get(&self, kind: Kind, ids: &[String]) -> Result<Vec<Document>, DocumentsError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.get(kind, ids).await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.get(kind, ids).await,
        }
    }

    /// A page of the documents that match, and how many match in all.
    pub async fn search(&self, kind: Kind, query: &Query) -> Result<Found, DocumentsError> {
        query.check(kind)?;
        match self {
            Self::Sqlite(sqlite) => sqlite.search(kind, query).await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.search(kind, query).await,
        }
    }

    /// How many of the documents that match have which text in the field, sorted by text. Sort, offset and limit of
    /// the query do not count.
    pub async fn count_by(
        &self,
        kind: Kind,
        query: &Query,
        field: Field,
    ) -> Result<Vec<(String, u64)>, DocumentsError> {
        query.check(kind)?;
        kind.check(field, FieldType::Text)?;
        match self {
            Self::Sqlite(sqlite) => sqlite.count_by(kind, query, field).await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.count_by(kind, query, field).await,
        }
    }

    /// Deletes documents whose integer field is below `before_ms`, for good, and says how many.
    pub async fn delete_before(
        &self,
        kind: Kind,
        field: Field,
        before_ms: i64,
    ) -> Result<u64, DocumentsError> {
        kind.check(field, FieldType::Integer)?;
        match self {
            Self::Sqlite(sqlite) => sqlite.delete_before(kind, field, before_ms).await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.delete_before(kind, field, before_ms).await,
        }
    }

    /// Forgets removals made before `before_ms`: older puts are not expected any more.
    pub async fn trim_removed(&self, kind: Kind, before_ms: i64) -> Result<u64, DocumentsError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.trim_removed(kind, before_ms).await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.trim_removed(kind, before_ms).await,
        }
    }

    /// The same store for one request of a user: all its calls together end in the time of one. On Elasticsearch, where
    /// each call of its own would have that time; a file has no time-out.
    pub fn for_request(&self) -> Self {
        match self {
            Self::Sqlite(_) => self.clone(),
            Self::Elasticsearch(elasticsearch) => Self::Elasticsearch(elasticsearch.for_request()),
        }
    }

    /// Asks the engine whether it can serve; the error says why it cannot.
    pub async fn ping(&self) -> Result<(), DocumentsError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.ping().await,
            Self::Elasticsearch(elasticsearch) => elasticsearch.ping().await,
        }
    }

    /// Which engine, and where, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(_) => "the file of the documents".to_owned(),
            Self::Elasticsearch(elasticsearch) => elasticsearch.place(),
        }
    }

    /// Waits for what is under way and closes the engine.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            // Connections close with the last clone.
            Self::Elasticsearch(_) => {}
        }
    }
}
