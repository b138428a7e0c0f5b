//! Findings and coverage: one transaction per save, and what is known of keys on a host.

mod apply;
mod load;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aops_api::finding::{
    CoveredSpan, FindingQueryAnswer, FindingQueryRequest, JudgedWindow, KnownOfKey, StoredFinding,
};
use aops_api::{HostId, Labels, Shard, TimeRange};
use sqlx::{Any, QueryBuilder, Row};

use super::{Tables, Write, fetch, hosts, names, push_in};
use crate::error::Error;
use crate::findings::{self, Known, LabelSets, LabelSetsHash, Span, Subject};
use crate::store::transact;
use apply::Batch;

/// Readings older than this are settled: no save that was read before is under way any more.
pub(crate) const SETTLE_AFTER_MS: i64 = 3_600_000;

/// How many windows are read with one statement.
const WINDOWS_AT_ONCE: usize = 1_000;

impl Tables {
    /// Replaces what was said about (key, host) in each window, joins equal neighbours, extends the coverage and leaves
    /// the changes of results in the outbox: all in one transaction.
    pub async fn save_findings(&self, windows: &[JudgedWindow], now_ms: i64) -> Result<(), Error> {
        for (index, window) in windows.iter().enumerate() {
            names::check_id(&format!("windows[{index}].key"), window.key.as_str())?;
            names::check_id(&format!("windows[{index}].host_id"), window.host_id.as_str())?;
            findings::check(window).map_err(|reason| Error::Invalid(format!("windows[{index}].{reason}")))?;
        }
        let shards: BTreeSet<Shard> = windows.iter().map(|window| Shard::of(&window.host_id)).collect();
        let fills_outbox = transact!(self, |write| {
            let mut fills_outbox = false;
            for (index, round) in rounds(windows).into_iter().enumerate() {
                let revisions = raise_finding_revisions(write, &shards).await?;
                if index == 0 {
                    self.insert_label_sets(write, windows).await?;
                }
                for chunk in round.chunks(WINDOWS_AT_ONCE) {
                    let batch = plan_chunk(write, chunk, now_ms).await?;
                    fills_outbox |= batch.apply(write, &revisions, now_ms).await?;
                }
            }
            Ok(fills_outbox)
        })?;
        if fills_outbox {
            self.outbox_filled.notify_one();
        }
        Ok(())
    }

    async fn insert_label_sets(&self, write: &mut Write<'_>, windows: &[JudgedWindow]) -> Result<(), Error> {
        let covered = windows.iter().filter(|window| window.covered);
        let sets: BTreeMap<LabelSetsHash, LabelSets> = covered
            .map(|window| LabelSets::of(&window.judged))
            .map(|sets| (sets.hash().clone(), sets))
            .collect();
        let known = load::label_sets(write.connection(), sets.keys()).await?;
        let insert = format!(
            "{} label_sets (hash, sets) VALUES (?, ?)",
            self.dialect.insert_new()
        );
        for (hash, sets) in sets.iter().filter(|(hash, _)| !known.contains_key(*hash)) {
            sqlx::query(sqlx::AssertSqlSafe(insert.clone()))
                .bind(hash.as_str().to_owned())
                .bind(sets.json().to_owned())
                .execute(write.connection())
                .await?;
        }
        Ok(())
    }

    /// What is known of some keys on a host in a range.
    pub async fn query_findings(&self, request: &FindingQueryRequest) -> Result<FindingQueryAnswer, Error> {
        let mut connection = self.database.acquire().await?;
        let range = request.range;
        let mut known: HashMap<Subject, Known> = HashMap::new();
        for keys in request.keys.chunks(WINDOWS_AT_ONCE) {
            let hosts = BTreeSet::from([request.host_id.as_str()]);
            let keys = keys.iter().map(|key| key.as_str()).collect();
            load::known(&mut connection, &hosts, &keys, range, &mut known).await?;
        }
        let hashes: BTreeSet<LabelSetsHash> = known
            .values()
            .flat_map(|known| known.spans.iter().filter_map(|span| span.judged.clone()))
            .collect();
        let label_sets = load::label_sets(&mut connection, hashes.iter()).await?;
        let mut answer = FindingQueryAnswer::default();
        for key in &request.keys {
            let subject = Subject {
                host_id: request.host_id.clone(),
                key: key.clone(),
            };
            let known = known.get(&subject).cloned().unwrap_or_default();
            answer.keys.push(KnownOfKey {
                key: key.clone(),
                coverage: covered_spans(known.spans, range, &label_sets)?,
                findings: overlapping_findings(known.findings, range),
            });
        }
        Ok(answer)
    }

    /// Joins the old coverage of a shard's machines. Gives how many rows that saved.
    pub async fn settle_coverage(&self, shard: Shard, before_ms: i64) -> Result<usize, Error> {
        let machines = {
            let mut connection = self.database.acquire().await?;
            hosts::machines_in(&mut connection, Some(shard)).await?
        };
        let mut saved = 0;
        for host_id in machines {
            saved += self.settle_host(shard, &host_id, before_ms).await?;
        }
        Ok(saved)
    }

    async fn settle_host(&self, shard: Shard, host_id: &HostId, before_ms: i64) -> Result<usize, Error> {
        transact!(self, |write| {
            sqlx::query("UPDATE finding_revision SET number = number WHERE shard = ?")
                .bind(i64::from(shard.number()))
                .execute(write.connection())
                .await?;
            let mut batch = Batch::default();
            let mut saved = 0;
            for (subject, spans) in load::old_spans(write.connection(), host_id, before_ms).await? {
                let settled = findings::settle(spans.clone(), before_ms);
                saved += spans.len() - settled.len();
                batch.replace_spans(&subject, &spans, &settled);
            }
            batch.apply_spans(write).await?;
            Ok(saved)
        })
    }
}

/// One save of a shard follows the other: each raises the shard's counter, and whoever comes second waits for the
/// first to end. Shards are taken in order, so that no two wait for each other. Each round has numbers of its own: a
/// result that one round removes and the next brings back must be newer than its removal.
async fn raise_finding_revisions(
    write: &mut Write<'_>,
    shards: &BTreeSet<Shard>,
) -> Result<BTreeMap<Shard, i64>, Error> {
    let mut revisions = BTreeMap::new();
    for shard in shards {
        let number = i64::from(shard.number());
        sqlx::query("UPDATE finding_revision SET number = number + 1 WHERE shard = ?")
            .bind(number)
            .execute(write.connection())
            .await?;
        let row = sqlx::query("SELECT number FROM finding_revision WHERE shard = ?")
            .bind(number)
            .fetch_one(write.connection())
            .await?;
        revisions.insert(*shard, row.try_get(0)?);
    }
    Ok(revisions)
}

/// Windows of the same key and host follow each other; all others go together.
fn rounds(windows: &[JudgedWindow]) -> Vec<Vec<&JudgedWindow>> {
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    let mut rounds: Vec<Vec<&JudgedWindow>> = Vec::new();
    for window in windows {
        let round = seen
            .entry((window.host_id.as_str(), window.key.as_str()))
            .or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(window);
        *round += 1;
    }
    rounds
}

async fn plan_chunk(write: &mut Write<'_>, windows: &[&JudgedWindow], now_ms: i64) -> Result<Batch, Error> {
    let hosts = windows.iter().map(|window| window.host_id.as_str()).collect();
    let keys = windows.iter().map(|window| window.key.as_str()).collect();
    let start_ms = windows
        .iter()
        .map(|window| window.window.start_ms)
        .min()
        .unwrap_or(0);
    let end_ms = windows
        .iter()
        .map(|window| window.window.end_ms)
        .max()
        .unwrap_or(0);
    let mut known = HashMap::new();
    load::known(
        write.connection(),
        &hosts,
        &keys,
        TimeRange::new(start_ms, end_ms),
        &mut known,
    )
    .await?;
    let nothing = Known::default();
    let mut batch = Batch::default();
    for window in windows {
        let subject = Subject {
            host_id: window.host_id.clone(),
            key: window.key.clone(),
        };
        let known = known.get(&subject).unwrap_or(&nothing);
        let changes = findings::plan(known, window, now_ms - SETTLE_AFTER_MS);
        batch.add(&subject, changes);
    }
    Ok(batch)
}

/// Covered stretches clipped to the range; neighbours with equal label sets in one.
fn covered_spans(
    spans: Vec<Span>,
    range: TimeRange,
    label_sets: &BTreeMap<LabelSetsHash, Vec<Labels>>,
) -> Result<Vec<CoveredSpan>, Error> {
    let mut covered = Vec::new();
    for span in findings::settle(spans, i64::MAX) {
        let Some(hash) = &span.judged else { continue };
        let clipped = span.range.intersect(range);
        if clipped.is_empty() {
            continue;
        }
        let judged = label_sets
            .get(hash)
            .ok_or_else(|| Error::unreadable("label sets of a span"))?;
        covered.push(CoveredSpan {
            range: clipped,
            judged: judged.clone(),
        });
    }
    Ok(covered)
}

fn overlapping_findings(findings: Vec<findings::KnownFinding>, range: TimeRange) -> Vec<StoredFinding> {
    let mut overlapping: Vec<StoredFinding> = findings
        .into_iter()
        .filter(|known| known.finding.range.overlaps(range))
        .map(|known| StoredFinding {
            result_id: known.result_id,
            finding: known.finding,
        })
        .collect();
    overlapping.sort_by(|left, right| {
        let (left, right) = (&left.finding, &right.finding);
        (&left.labels, left.range).cmp(&(&right.labels, right.range))
    });
    overlapping
}

/// `host_id IN (…) AND evaluation_key IN (…)` and all that overlaps or touches the range.
fn push_around(
    query: &mut QueryBuilder<Any>,
    hosts: &BTreeSet<&str>,
    keys: &BTreeSet<&str>,
    range: TimeRange,
) {
    push_in(query, "host_id", hosts.iter().copied());
    query.push(" AND ");
    push_in(query, "evaluation_key", keys.iter().copied());
    query
        .push(" AND end_ms >= ")
        .push_bind(range.start_ms)
        .push(" AND start_ms <= ")
        .push_bind(range.end_ms);
}
