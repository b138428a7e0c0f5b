//! Which hosts have never had a series: what the index says, as far back as the server keeps series.

use std::collections::{BTreeMap, HashSet};

use aops_api::series::NeverHad;
use aops_api::{HostId, Labels};

use super::fetch::Fetch;
use super::promql::{Condition, selector};
use super::{END_OF_TIME, MAXIMUM_PATH_BYTES};
use crate::series::{HOST, METRIC_NAME};

/// The hosts that never had what selectors ask for, for those that want to know. Where it cannot be found out is in
/// `failed` then.
pub(super) async fn never_had(
    fetch: &Fetch,
    by_instance: &[(String, HostId)],
    seen: &HashSet<(usize, HostId)>,
    failed: &mut BTreeMap<(usize, HostId), String>,
) -> Vec<NeverHad> {
    let mut never_had = Vec::new();
    for (number, prepared) in fetch.selectors.iter().enumerate() {
        if !prepared.selector.want_never_had || !fetch.is_asked(number) {
            continue;
        }
        let mut silent: Vec<HostId> = fetch.hosts.clone();
        silent.retain(|host_id| {
            let key = (number, host_id.clone());
            !seen.contains(&key) && !failed.contains_key(&key)
        });
        if silent.is_empty() {
            continue;
        }
        match had(fetch, number, &silent, by_instance).await {
            Ok(had) => never_had.extend(silent.into_iter().filter(|host_id| !had.contains(host_id)).map(
                |host_id| NeverHad {
                    selector: number,
                    host_id,
                },
            )),
            Err(reason) => {
                failed.extend(
                    silent
                        .into_iter()
                        .map(|host_id| ((number, host_id), reason.clone())),
                );
            }
        }
    }
    never_had
}

/// Which of the hosts ever had a series that matches.
async fn had(
    fetch: &Fetch,
    number: usize,
    hosts: &[HostId],
    by_instance: &[(String, HostId)],
) -> Result<HashSet<HostId>, String> {
    let prepared = &fetch.selectors[number];
    // No metric is called "".
    if prepared.selector.name.is_empty() {
        return Ok(HashSet::new());
    }
    let matchers = &prepared.selector.matchers;
    let conditions: Vec<Condition> = matchers.iter().filter_map(Condition::of).collect();
    // Whether the server judges all of it, or we have to look at the labels.
    let is_whole = conditions.len() == matchers.len();
    let config = &fetch.shared.config;
    let room = config.maximum_query_bytes.saturating_sub(MAXIMUM_PATH_BYTES);
    let bytes = selector(&conditions).len() + prepared.selector.name.len() + room;
    let mut found = HashSet::new();
    for whose in fetch.whose(hosts, by_instance, bytes) {
        let mut all = vec![Condition::one_of(METRIC_NAME, [prepared.selector.name.as_str()])];
        all.extend(conditions.iter().cloned());
        all.extend(whose.conditions(config.shard_label.as_deref()));
        let text = selector(&all);
        let parameters = [("match[]", text.as_str()), ("start", "0"), ("end", END_OF_TIME)];
        let owners = whose.owners();
        let whose_label = whose.label();
        if is_whole {
            let path = format!("api/v1/label/{whose_label}/values");
            let values = fetch
                .shared
                .asker
                .list::<String>(&path, &parameters, fetch.deadline)
                .await;
            let values = values.map_err(|error| error.reason)?;
            let hosts = values.iter().filter_map(|value| owners.get(value.as_str()));
            found.extend(hosts.flatten().map(|host_id| (*host_id).clone()));
            continue;
        }
        let series = fetch
            .shared
            .asker
            .list::<Labels>("api/v1/series", &parameters, fetch.deadline)
            .await;
        for mut labels in series.map_err(|error| error.reason)? {
            let owner = labels.get(whose_label).cloned().unwrap_or_default();
            labels.remove(METRIC_NAME);
            labels.remove(HOST);
            for host_id in owners.get(owner.as_str()).into_iter().flatten() {
                if prepared.matches(host_id, &labels) {
                    found.insert((*host_id).clone());
                }
            }
        }
    }
    Ok(found)
}
