//! The files of an inventory: `hosts.yml`, which has no secret, and encrypted files in `group_vars`, which have them.
//!
//! To Ansible, variables of a group are variables of each of its hosts: with the secrets of a thousand hosts in one group, it
//! has a million of them (`ansible-inventory --list` writes 294 MB). A file for each host would need a derivation of a key
//! each, which is slow by design. So the hosts stand in groups of fifty, beside those that people made, each with a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use aops_api::host::InventoryFile;
use aops_api::id::HostId;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::name;
use super::vault::{self, SALT_BYTES};
use super::yaml::{not_a_template, quoted};
use crate::credentials::Credentials;
use crate::error::VaultError;

/// The variable that has the secrets, by host id.
const SECRETS: &str = "aops_credentials";
/// Hosts whose secrets are in one file.
const HOSTS_OF_A_FILE: usize = 50;

/// A host of an inventory.
#[derive(Clone, Debug)]
pub struct InventoryHost {
    /// The machine.
    pub host_id: HostId,
    /// Display name; no other host of the inventory has it.
    pub host_name: String,
    /// Group.
    pub host_group_name: String,
    /// Where its SSH server is.
    pub address: String,
    /// At this port.
    pub ssh_port: u16,
    /// How to log in.
    pub credentials: Credentials,
}

/// An inventory: `hosts.yml`, where each host refers to its secrets, and for every fifty hosts a file in `group_vars`, encrypted
/// with `key` as `ansible-vault` does it. The salt is random and new each time; each file's own is derived from it.
///
/// Names that Ansible does not take are written otherwise; those that people gave are kept in `aops_host_name` and
/// `aops_host_group_name`. No text of a user is ever evaluated as a template. A host becomes root by `su`.
///
/// Blocking for some milliseconds for every fifty hosts.
pub fn inventory(
    hosts: &[InventoryHost],
    key: &str,
    salt: [u8; SALT_BYTES],
) -> Result<Vec<InventoryFile>, VaultError> {
    let groups = by_group(hosts)?;
    let sorted: Vec<&InventoryHost> = groups.values().flat_map(BTreeMap::values).copied().collect();
    let parts: Vec<&[&InventoryHost]> = sorted.chunks(HOSTS_OF_A_FILE).collect();
    let mut files = vec![InventoryFile {
        path: "hosts.yml".to_owned(),
        content: hosts_file(&groups, &parts),
    }];
    for (place, part) in parts.into_iter().enumerate() {
        files.push(InventoryFile {
            path: format!("group_vars/{}.yml", secrets_group(place)),
            content: vault::encrypt(&secrets_file(part), key, salt_of(salt, place))?,
        });
    }
    Ok(files)
}

/// The group whose hosts' secrets are in one file. People's groups have no such name: `_x_` is in none but at its end.
fn secrets_group(place: usize) -> String {
    format!("{SECRETS}_x_{}", place + 1)
}

/// With one salt, two files would be encrypted by the same stream of bytes, and give each other away.
fn salt_of(salt: [u8; SALT_BYTES], place: usize) -> [u8; SALT_BYTES] {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update((place as u64).to_le_bytes());
    hash.finalize().into()
}

/// By the name of the group, then of the host.
type Groups<'host> = BTreeMap<&'host str, BTreeMap<&'host str, &'host InventoryHost>>;

fn by_group(hosts: &[InventoryHost]) -> Result<Groups<'_>, VaultError> {
    let mut names = BTreeSet::new();
    let mut groups = Groups::new();
    for host in hosts {
        if !names.insert(host.host_name.as_str()) {
            return Err(VaultError::DuplicateHost(host.host_name.clone()));
        }
        groups
            .entry(&host.host_group_name)
            .or_default()
            .insert(&host.host_name, host);
    }
    Ok(groups)
}

fn hosts_file(groups: &Groups<'_>, parts: &[&[&InventoryHost]]) -> String {
    let group_aliases: BTreeSet<String> = groups.keys().map(|group| name::of_group(group)).collect();
    let mut text = String::from(
        "# Hosts of A-Ops. Secrets are in group_vars, sealed by the key that they were exported with:\n\
         #   ansible -i hosts.yml --ask-vault-pass all -m ping\n",
    );
    let alias = |host: &InventoryHost| {
        quoted(&name::of_host(&host.host_name, |alias| {
            group_aliases.contains(alias)
        }))
    };
    if groups.is_empty() {
        text.push_str("{}\n");
    }
    for (group, hosts) in groups {
        push_line(&mut text, 0, &quoted(&name::of_group(group)), "");
        push_line(&mut text, 1, "hosts", "");
        for host in hosts.values() {
            push_line(&mut text, 2, &alias(host), "");
            for (variable, value) in variables(host) {
                push_line(&mut text, 3, variable, &value);
            }
        }
    }
    for (place, part) in parts.iter().enumerate() {
        push_line(&mut text, 0, &quoted(&secrets_group(place)), "");
        push_line(&mut text, 1, "hosts", "");
        for host in *part {
            push_line(&mut text, 2, &alias(host), "");
        }
    }
    text
}

fn variables(host: &InventoryHost) -> [(&'static str, String); 11] {
    let secret = |field: &str| {
        // A key of a dictionary in a template: nothing but letters and digits, whatever an id may be.
        let id = secrets_key(&host.host_id);
        // Without the filter, old Ansible makes a list of "[1]".
        quoted(&format!("{{{{ {SECRETS}['{id}'].{field} | string }}}}"))
    };
    [
        ("ansible_host", not_a_template(&host.address)),
        ("ansible_port", host.ssh_port.to_string()),
        ("ansible_user", secret("username")),
        ("ansible_password", secret("password")),
        ("ansible_become_method", "su".to_owned()),
        ("ansible_become_user", "root".to_owned()),
        ("ansible_become_password", secret("become_password")),
        ("ansible_python_interpreter", "/usr/bin/python3".to_owned()),
        ("aops_host_id", not_a_template(host.host_id.as_str())),
        ("aops_host_name", not_a_template(&host.host_name)),
        ("aops_host_group_name", not_a_template(&host.host_group_name)),
    ]
}

/// Ids are hexadecimal digits, and are written as they are; another text, by the numbers of its bytes.
fn secrets_key(host_id: &HostId) -> String {
    let id = host_id.as_str();
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    id.bytes()
        .fold("_".to_owned(), |key, byte| key + &format!("{byte:02x}"))
}

fn secrets_file(hosts: &[&InventoryHost]) -> Zeroizing<String> {
    // Room for all of it at once: a text that grows leaves copies behind. An escape has ten characters.
    let bytes: usize = hosts
        .iter()
        .map(|host| {
            let Credentials {
                username,
                password,
                sudo_password,
            } = &host.credentials;
            10 * (username.len() + password.len() + sudo_password.len())
                + 2 * host.host_id.as_str().len()
                + 128
        })
        .sum();
    let mut text = Zeroizing::new(String::with_capacity(bytes + 64));
    push_line(&mut text, 0, SECRETS, "");
    for host in hosts {
        push_line(&mut text, 1, &quoted(&secrets_key(&host.host_id)), "");
        let fields = [
            ("username", &host.credentials.username),
            ("password", &host.credentials.password),
            ("become_password", &host.credentials.sudo_password),
        ];
        for (field, secret) in fields {
            push_line(&mut text, 2, field, &Zeroizing::new(not_a_template(secret)));
        }
    }
    text
}

/// `key: value`, or `key:` where what belongs to it follows.
fn push_line(text: &mut String, depth: usize, key: &str, value: &str) {
    let indent = "  ".repeat(depth);
    let separator = if value.is_empty() { "" } else { " " };
    writeln!(text, "{indent}{key}:{separator}{value}").expect("a text takes what is written to it");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(number: u32, host_name: &str, group: &str) -> InventoryHost {
        InventoryHost {
            host_id: HostId::from(format!("{number:032x}").as_str()),
            host_name: host_name.to_owned(),
            host_group_name: group.to_owned(),
            address: format!("10.0.0.{number}"),
            ssh_port: 22,
            credentials: Credentials {
                username: format!("user {number}"),
                password: format!("password {number}"),
                sudo_password: "{{ 7 * 7 }}".to_owned(),
            },
        }
    }

    fn read(text: &str) -> serde_json::Value {
        serde_saphyr::from_str(text).expect("YAML")
    }

    #[test]
    fn hosts_refer_to_their_secrets() {
        let hosts = [host(1, "a", "web"), host(2, "b", "my web"), host(3, "c", "web")];
        let files = inventory(&hosts, "sesame", [1; SALT_BYTES]).expect("an inventory");
        assert_eq!(files[0].path, "hosts.yml");
        let expected = include_str!("../../tests/stored/hosts.yml");
        assert_eq!(files[0].content, expected);
        assert_eq!(files[1].path, "group_vars/aops_credentials_x_1.yml");
        assert_eq!(files.len(), 2);
        let secrets = vault::decrypt(&files[1].content, "sesame").expect("decrypts");
        assert_eq!(secrets.as_str(), include_str!("../../tests/stored/secrets.yml"));
    }

    #[test]
    fn no_hosts_are_an_inventory_too() {
        let files = inventory(&[], "sesame", [1; SALT_BYTES]).expect("an inventory");
        assert_eq!(files.len(), 1);
        assert_eq!(read(&files[0].content), serde_json::json!({}));
    }

    #[test]
    fn each_host_finds_its_secret_in_the_file_of_its_group() {
        let hosts: Vec<_> = (0..120)
            .map(|number| {
                host(
                    number,
                    &format!("host-{number}"),
                    if number % 2 == 0 { "even" } else { "odd" },
                )
            })
            .collect();
        let files = inventory(&hosts, "sesame", [1; SALT_BYTES]).expect("an inventory");
        assert_eq!(files.len(), 4);
        let listed = read(&files[0].content);
        let mut found = 0;
        for (place, file) in files[1..].iter().enumerate() {
            let members = listed[secrets_group(place)]["hosts"].as_object().expect("hosts");
            let secrets = read(&vault::decrypt(&file.content, "sesame").expect("decrypts"));
            assert_eq!(
                secrets["aops_credentials"].as_object().expect("secrets").len(),
                members.len()
            );
            for host in hosts.iter().filter(|host| members.contains_key(&host.host_name)) {
                let secret = &secrets["aops_credentials"][host.host_id.as_str()]["password"];
                assert_eq!(*secret, host.credentials.password);
                found += 1;
            }
        }
        assert_eq!(found, hosts.len());
        // The second line of a file begins with its salt.
        let salts: BTreeSet<_> = files[1..]
            .iter()
            .map(|file| file.content.lines().nth(1))
            .collect();
        assert_eq!(salts.len(), 3);
    }

    #[test]
    fn two_hosts_of_one_name_are_refused() {
        let hosts = [host(1, "a", "web"), host(2, "a", "db")];
        let outcome = inventory(&hosts, "sesame", [1; SALT_BYTES]);
        assert_eq!(outcome, Err(VaultError::DuplicateHost("a".to_owned())));
    }

    #[test]
    fn an_id_that_is_none_is_no_part_of_a_template() {
        let mut odd = host(1, "a", "web");
        odd.host_id = HostId::from("'] }}{{ x");
        let files = inventory(&[odd], "sesame", [1; SALT_BYTES]).expect("an inventory");
        assert!(
            files[0]
                .content
                .contains("{{ aops_credentials['_275d207d7d7b7b2078'].username | string }}")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_names_and_secrets_yaml_reads_them(
            texts in proptest::collection::vec((any::<String>(), any::<String>(), any::<String>()), 1..8),
        ) {
            let hosts: Vec<_> = texts.iter().enumerate().map(|(number, (name, group, secret))| {
                let mut host = host(number as u32, &format!("{name}{number}"), group);
                host.address.clone_from(secret);
                host.credentials.password.clone_from(secret);
                host
            }).collect();
            let groups = by_group(&hosts).expect("no name twice");
            let all: Vec<&InventoryHost> = hosts.iter().collect();
            let listed = read(&hosts_file(&groups, &[&all]));
            let secrets = read(&secrets_file(&all));
            for host in &hosts {
                let alias = name::of_host(&host.host_name, |alias| listed.get(alias).is_some());
                let found = &listed[name::of_group(&host.host_group_name)]["hosts"][alias];
                prop_assert_eq!(&found["aops_host_name"], &host.host_name);
                prop_assert_eq!(&found["ansible_host"], &host.address);
                let found = &secrets["aops_credentials"][host.host_id.as_str()];
                prop_assert_eq!(&found["password"], &host.credentials.password);
            }
        }
    }

    #[test]
    fn a_secret_is_not_copied_by_a_text_that_grows() {
        let mut odd = host(1, "a", "web");
        odd.credentials.password = "\u{1}".repeat(1_000);
        let text = secrets_file(&[&odd]);
        assert!(text.len() > 10_000);
        let room = 10 * (1_000 + "user 1".len() + "{{ 7 * 7 }}".len()) + 2 * 32 + 128 + 64;
        assert_eq!(text.capacity(), room);
    }
}
