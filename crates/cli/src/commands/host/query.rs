//! List hosts, with or without what the agents found out about them.

use std::fmt::Write;

use aops_api::host::{HostDetail, HostDetailFacts, HostGetAnswer, HostGetRequest, HostInfo, HostInfoRequest};
use aops_api::id::HostId;
use aops_client::{ClientError, Outcome, Platform};
use serde::Serialize;

use super::Arguments;
use crate::arguments::List;
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::{self, Page};
use crate::screen::plain;

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    if arguments.host_list.is_some() {
        return Err(Failure::Usage(
            "--host_list: a query takes no ids; choose with --host_group_name or --management".to_owned(),
        ));
    }
    let platform = context.platform()?;
    let all = HostGetRequest {
        host_group_list: List::of(arguments.host_group_name),
        management: arguments.management.map(Into::into),
        sort: arguments.sort.map(Into::into),
        direction: arguments.direction.map(Into::into),
        ..HostGetRequest::default()
    };
    let ask = async |(page, per_page)| {
        let request = HostGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.hosts(&request).await
    };
    if arguments.verbose.unwrap_or_default() {
        let ask = async |fields| with_facts(platform, ask(fields).await?).await;
        return listing::print(context, &arguments.paging, ask, |rows| draw(rows, context)).await;
    }
    let header = [
        "host_id",
        "host_name",
        "host_group_name",
        "public_ip",
        "ssh_port",
        "management",
        "status",
    ];
    listing::print(context, &arguments.paging, ask, listing::table(header, row)).await
}

fn row(host: &HostInfo) -> [String; 7] {
    [
        host.host_id.to_string(),
        host.host_name.clone(),
        host.host_group_name.clone(),
        host.public_ip.clone(),
        host.ssh_port.to_string(),
        host.management.to_string(),
        host.status.clone(),
    ]
}

/// A page of hosts with their facts.
#[derive(Serialize)]
struct VerbosePage {
    total_count: u64,
    total_page: u64,
    host_infos: Vec<HostDetail>,
}

impl Page for VerbosePage {
    type Row = HostDetail;
    const ROWS: &'static str = "host_infos";

    fn total_count(&self) -> u64 {
        self.total_count
    }

    fn rows(&self) -> &[HostDetail] {
        &self.host_infos
    }
}

/// The page with the facts of its hosts, in its order.
async fn with_facts(
    platform: &Platform,
    page: Outcome<HostGetAnswer>,
) -> Result<Outcome<VerbosePage>, ClientError> {
    let Outcome { code, msg, payload } = page;
    let Some(hosts) = payload else {
        return Ok(Outcome {
            code,
            msg,
            payload: None,
        });
    };
    let ids: Vec<HostId> = hosts.host_infos.iter().map(|host| host.host_id.clone()).collect();
    let details = if ids.is_empty() {
        Vec::new()
    } else {
        let request = HostInfoRequest {
            host_list: ids,
            basic: None,
        };
        let outcome = platform.host_infos(&request).await?;
        outcome.succeeded()?.host_infos
    };
    let facts_of = |host: &HostInfo| {
        let detail = details.iter().find(|detail| detail.host.host_id == host.host_id);
        detail.and_then(|detail| detail.facts.clone())
    };
    let host_infos = hosts.host_infos.into_iter().map(|host| HostDetail {
        facts: facts_of(&host),
        host,
    });
    let payload = VerbosePage {
        host_infos: host_infos.collect(),
        total_count: hosts.total_count,
        total_page: hosts.total_page,
    };
    Ok(Outcome {
        code,
        msg,
        payload: Some(payload),
    })
}

/// A paragraph for each host.
fn draw(hosts: &[HostDetail], context: &Context) -> String {
    let mut text = String::new();
    for HostDetail { host, facts } in hosts {
        let status = format!(
            "{}, in {}, {} port {}{}, {}",
            host.host_name,
            host.host_group_name,
            host.public_ip,
            host.ssh_port,
            if host.management { ", managing" } else { "" },
            host.status
        );
        let _ = writeln!(text, "{}  {}", host.host_id, plain(&status));
        match facts.as_ref().filter(|facts| facts.collected.is_some()) {
            Some(facts) => draw_facts(&mut text, facts, context),
            None => text.push_str("  no agent has told anything about it yet\n"),
        }
        text.push('\n');
    }
    text
}

fn draw_facts(text: &mut String, facts: &HostDetailFacts, context: &Context) {
    let HostDetailFacts { infos, collected, .. } = facts;
    let mut line = |name: &str, values: &[&str]| {
        let values: Vec<&str> = values.iter().copied().filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            let _ = writeln!(text, "  {name:<9}{}", plain(&values.join(", ")));
        }
    };
    let labelled = |label: &str, value: &str| match value {
        "" => String::new(),
        value => format!("{label} {value}"),
    };
    let (os, cpu, memory) = (&infos.os, &infos.cpu, &infos.memory);
    let kernel = labelled("kernel", &os.kernel_version);
    line(
        "system",
        &[&os.name, &kernel, &labelled("BIOS", &os.bios_verison)],
    );
    line("board", &[&infos.board.vendor, &infos.board.model]);
    let cores = match cpu.core_count {
        0 => String::new(),
        count => crate::commands::counted(count as usize, "processor"),
    };
    let (level2, level3) = (labelled("L2", &cpu.l2_cache), labelled("L3", &cpu.l3_cache));
    let parts = [
        cpu.architecture.as_str(),
        &cpu.model_name,
        &cpu.frequency,
        &cores,
        &level2,
        &level3,
    ];
    line("cpu", &parts);
    line("memory", &[&memory.size]);
    for module in &memory.info {
        line(
            "",
            &[&module.size, &module.kind, &module.speed, &module.manufacturer],
        );
    }
    for disk in &infos.disks {
        line("disk", &[&disk.name, &disk.size, &disk.vendor, &disk.model]);
    }
    for card in &infos.network_cards {
        let driver = labelled("driver", &card.driver);
        line(
            "network",
            &[&card.name, &card.address, &card.vendor, &card.model, &driver],
        );
    }
    if let Some(collected) = collected {
        line("as of", &[&context.show(*collected)]);
    }
}
