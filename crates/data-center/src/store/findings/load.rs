//! Reading spans and findings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aops_api::finding::{Finding, FindingValue};
use aops_api::{EvaluationKey, HostId, Labels, ResultId, TimeRange};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::{fetch, push_around, push_in};
use crate::error::Error;
use crate::findings::{Known, KnownFinding, LabelSetsHash, Span, Subject};
use crate::store::database::Connection;

/// All that is stored of these keys on these hosts and overlaps or touches the range, added to `known`.
pub(super) async fn known(
    connection: &mut Connection,
    hosts: &BTreeSet<&str>,
    keys: &BTreeSet<&str>,
    range: TimeRange,
    known: &mut HashMap<Subject, Known>,
) -> Result<(), Error> {
    let mut query = QueryBuilder::<Any>::new(
        "SELECT host_id, evaluation_key, end_ms, start_ms, as_of_ms, judged_hash FROM coverage WHERE ",
    );
    push_around(&mut query, hosts, keys, range);
    query.push(" ORDER BY host_id, evaluation_key, end_ms");
    for row in &fetch(query, connection).await? {
        let (subject, span) = span_row(row)?;
        known.entry(subject).or_default().spans.push(span);
    }

    let mut query = QueryBuilder::<Any>::new(
        "SELECT host_id, evaluation_key, end_ms, start_ms, result_id, labels, verdict, evidence, reason, closed \
         FROM finding WHERE ",
    );
    push_around(&mut query, hosts, keys, range);
    for row in &fetch(query, connection).await? {
        let (subject, finding) = finding_row(row)?;
        known.entry(subject).or_default().findings.push(finding);
    }
    Ok(())
}

/// Spans of a host that were read before this moment.
pub(super) async fn old_spans(
    connection: &mut Connection,
    host_id: &HostId,
    before_ms: i64,
) -> Result<BTreeMap<Subject, Vec<Span>>, Error> {
    let rows = sqlx::query(
        "SELECT host_id, evaluation_key, end_ms, start_ms, as_of_ms, judged_hash FROM coverage \
         WHERE host_id = ? AND as_of_ms < ? ORDER BY evaluation_key, end_ms",
    )
    .bind(host_id.as_str().to_owned())
    .bind(before_ms)
    .fetch_all(connection)
    .await?;
    let mut spans: BTreeMap<Subject, Vec<Span>> = BTreeMap::new();
    for row in &rows {
        let (subject, span) = span_row(row)?;
        spans.entry(subject).or_default().push(span);
    }
    Ok(spans)
}

/// Label sets by hash: those that are stored.
pub(super) async fn label_sets(
    connection: &mut Connection,
    hashes: impl Iterator<Item = &LabelSetsHash>,
) -> Result<BTreeMap<LabelSetsHash, Vec<Labels>>, Error> {
    let hashes: Vec<&str> = hashes.map(LabelSetsHash::as_str).collect();
    let mut label_sets = BTreeMap::new();
    for chunk in hashes.chunks(super::WINDOWS_AT_ONCE) {
        let mut query = QueryBuilder::<Any>::new("SELECT hash, sets FROM label_sets WHERE ");
        push_in(&mut query, "hash", chunk.iter().copied());
        for row in &fetch(query, connection).await? {
            let sets: String = row.try_get(1)?;
            let sets = serde_json::from_str(&sets).map_err(Error::stored("label sets"))?;
            label_sets.insert(LabelSetsHash::stored(row.try_get(0)?), sets);
        }
    }
    Ok(label_sets)
}

/// Columns 0 to 3: host_id, evaluation_key, end_ms, start_ms.
fn place(row: &AnyRow) -> Result<(Subject, TimeRange), Error> {
    let subject = Subject {
        host_id: HostId::new(row.try_get::<String, _>(0)?),
        key: EvaluationKey::new(row.try_get::<String, _>(1)?),
    };
    Ok((subject, TimeRange::new(row.try_get(3)?, row.try_get(2)?)))
}

fn span_row(row: &AnyRow) -> Result<(Subject, Span), Error> {
    let (subject, range) = place(row)?;
    let judged: Option<String> = row.try_get(5)?;
    let span = Span {
        range,
        as_of_ms: row.try_get(4)?,
        judged: judged.map(LabelSetsHash::stored),
    };
    Ok((subject, span))
}

fn finding_row(row: &AnyRow) -> Result<(Subject, KnownFinding), Error> {
    let (subject, range) = place(row)?;
    let labels: String = row.try_get(5)?;
    let verdict: String = row.try_get(6)?;
    let evidence: String = row.try_get(7)?;
    let finding = Finding {
        labels: serde_json::from_str(&labels).map_err(Error::stored("labels of a finding"))?,
        value: FindingValue::from_text(&verdict).ok_or_else(|| Error::unreadable("verdict of a finding"))?,
        range,
        evidence: serde_json::from_str(&evidence).map_err(Error::stored("evidence of a finding"))?,
        reason: row.try_get(8)?,
    };
    let known = KnownFinding {
        result_id: ResultId::new(row.try_get::<String, _>(4)?),
        finding,
        closed: super::super::from_flag(row.try_get(9)?),
    };
    Ok((subject, known))
}
