use super::expressions::{assert_compiles, shown};
use crate::convert;

/// Alerts of the kind that everybody has for machines, in our own words.
const MACHINES: &str = r#"
groups:
- name: machines
  rules:
  - alert: TargetMissing
    expr: up{job="node"} == 0
    for: 2m
    labels: {severity: critical}
  - alert: FilesystemAlmostFull
    expr: |
      (
        node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs",mountpoint!=""}
        / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs",mountpoint!=""} * 100 < 10
      and
        node_filesystem_readonly{fstype!~"tmpfs|ramfs",mountpoint!=""} == 0
      )
    for: 30m
    labels: {severity: warning}
  - alert: FilesystemFillsUp
    expr: |
      predict_linear(node_filesystem_avail_bytes{fstype=~"ext4|xfs"}[6h], 24*60*60) < 0
    for: 1h
  - alert: MemoryShort
    expr: node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < 10
    for: 5m
  - alert: CpuBusy
    expr: 100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100 > 90
  - alert: CpuBusyTheOtherWay
    expr: sum without (cpu, mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) > 3
  - alert: LoadHigh
    expr: node_load15 / on (instance) count by (instance) (node_cpu_seconds_total{mode="idle"}) > 2
  - alert: NetworkErrors
    expr: |
      rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01
  - alert: DiskSlow
    expr: |
      rate(node_disk_read_time_seconds_total[5m]) / rate(node_disk_reads_completed_total[5m]) > 0.1
      and rate(node_disk_reads_completed_total[5m]) > 0
  - alert: OutOfMemoryKill
    expr: increase(node_vmstat_oom_kill[1m]) > 0
  - alert: ClockSkew
    expr: |
      (node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0)
      or
      (node_timex_offset_seconds < -0.05 and deriv(node_timex_offset_seconds[5m]) <= 0)
  - alert: ClockNotSynchronised
    expr: min_over_time(node_timex_sync_status[5m]) == 0 and node_timex_maxerror_seconds >= 16
  - alert: ServiceFailed
    expr: node_systemd_unit_state{state="failed"} == 1
  - alert: RaidDegraded
    expr: |
      node_md_disks_required - ignoring (state) node_md_disks{state="active"} > 0
  - alert: FileDescriptors
    expr: |
      (node_filefd_allocated * 100 / node_filefd_maximum) * on (instance) group_left (nodename)
      node_uname_info{nodename=~".+"} > 80
  - alert: Rebooted
    expr: node_time_seconds - node_boot_time_seconds < 600
  - alert: RebootedByClock
    expr: time() - node_boot_time_seconds < 600
  - alert: TooManyTargetsDown
    expr: 100 * count(up == 0) by (job) / count(up) by (job) > 10
  - alert: Watchdog
    expr: vector(1)
"#;

#[test]
fn alerts_for_machines_fit() {
    let conversion = convert(MACHINES).expect("a rule file");
    let texts: Vec<String> = conversion
        .converted
        .iter()
        .map(|one| format!("{}: {}", one.item.check_item, shown(one)))
        .collect();
    let expected = [
        r#"TargetMissing: $0 == 0 | up{"*":"*","job":"node"}"#,
        r#"FilesystemAlmostFull: $0 / ($1 || 1) * 100 < 10 && $1 != 0 && $2 == 0 | node_filesystem_avail_bytes{"*":"*","fstype":{"not_re":"tmpfs|ramfs","each":true},"mountpoint":{"re":".+","each":true}} | node_filesystem_size_bytes{"*":"*","fstype":{"not_re":"tmpfs|ramfs","each":true},"mountpoint":{"re":".+","each":true}} | node_filesystem_readonly{"*":"*","fstype":{"not_re":"tmpfs|ramfs","each":true},"mountpoint":{"re":".+","each":true}}"#,
        r#"FilesystemFillsUp: predict(6h, 24h) < 0 | node_filesystem_avail_bytes{"*":"*","fstype":{"re":"ext4|xfs","each":true}}"#,
        r#"MemoryShort: $0 / ($1 || 1) * 100 < 10 && $1 != 0 | node_memory_MemAvailable_bytes{"*":"*"} | node_memory_MemTotal_bytes{"*":"*"}"#,
        r#"CpuBusy: 100 - avg(5m) * 100 > 90 | avg:rate:node_cpu_seconds_total{"mode":"idle"}"#,
        r#"CpuBusyTheOtherWay: avg(5m) > 3 | sum:rate:node_cpu_seconds_total{"*":"*","cpu":{"re":".*"},"mode":{"not_re":"idle"}}"#,
        r#"LoadHigh: $0 / $1 > 2 | node_load15 | count:node_cpu_seconds_total{"mode":"idle"}"#,
        r#"NetworkErrors: avg(2m) / ($1.avg(2m) || 1) > 0.01 && $1.avg(2m) != 0 | rate:node_network_receive_errs_total{"*":"*"} | rate:node_network_receive_packets_total{"*":"*"}"#,
        r#"DiskSlow: avg(5m) / ($1.avg(5m) || 1) > 0.1 && $1.avg(5m) != 0 && $1.avg(5m) > 0 | rate:node_disk_read_time_seconds_total{"*":"*"} | rate:node_disk_reads_completed_total{"*":"*"}"#,
        r#"OutOfMemoryKill: sum(1m) > 0 | increase:node_vmstat_oom_kill{"*":"*"}"#,
        r#"ClockNotSynchronised: min(5m) == 0 && $1 >= 16 | node_timex_sync_status{"*":"*"} | node_timex_maxerror_seconds{"*":"*"}"#,
        r#"ServiceFailed: $0 == 1 | node_systemd_unit_state{"*":"*","state":"failed"}"#,
        r#"RaidDegraded: $0 - $1 > 0 | node_md_disks_required{"*":"*","state":{"re":".*"}} | node_md_disks{"*":"*","state":"active"}"#,
        r#"FileDescriptors: $0 * 100 / ($1 || 1) * $2 > 80 && $1 != 0 | node_filefd_allocated{"*":"*"} | node_filefd_maximum{"*":"*"} | node_uname_info{"nodename":{"re":".+"}}"#,
        r#"Rebooted: $0 - $1 < 600 | node_time_seconds{"*":"*"} | node_boot_time_seconds{"*":"*"}"#,
    ];
    assert_eq!(texts, expected);
    conversion.converted.iter().for_each(assert_compiles);
    let refused: Vec<(&str, u64)> = conversion
        .misfits
        .iter()
        .map(|misfit| (misfit.alert.as_str(), misfit.line))
        .collect();
    assert_eq!(
        refused,
        [
            ("ClockSkew", 43),
            ("RebootedByClock", 60),
            ("TooManyTargetsDown", 62),
            ("Watchdog", 64)
        ]
    );
}
