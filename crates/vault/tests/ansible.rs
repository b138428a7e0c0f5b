//! What this crate writes, read by the real Ansible, and the other way round. Skipped where `AOPS_TEST_ANSIBLE`, the folder
//! of its programs, is not set; `scripts/ansible` prints it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aops_api::id::HostId;
use aops_vault::Credentials;
use aops_vault::ansible::{InventoryHost, inventory, vault};
use serde_json::{Value, json};

const KEY: &str = "  öffne dich, \"Sesam\"! ";
const SALT: [u8; vault::SALT_BYTES] = [0x5a; vault::SALT_BYTES];

/// The real programs, a folder for them to work in, and the key in a file.
struct Ansible {
    programs: PathBuf,
    folder: tempfile::TempDir,
}

impl Ansible {
    /// `None` when there is none.
    fn new() -> Option<Self> {
        let Ok(programs) = std::env::var("AOPS_TEST_ANSIBLE") else {
            eprintln!("skipped: AOPS_TEST_ANSIBLE is not set");
            return None;
        };
        let ansible = Self {
            programs: PathBuf::from(programs),
            folder: tempfile::tempdir().expect("a folder"),
        };
        ansible.write("key", KEY);
        ansible.write("ansible.cfg", "[defaults]\ndeprecation_warnings = false\n");
        Some(ansible)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(self.programs.join(program))
            .args(arguments)
            .current_dir(self.path())
            // Whatever is configured for the user who runs the tests.
            .env("HOME", self.path())
            .env("ANSIBLE_CONFIG", self.path().join("ansible.cfg"))
            .env("ANSIBLE_VAULT_PASSWORD_FILE", "key")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("it runs")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_run(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{program} {arguments:?}: {said}{shown}");
        assert!(!said.contains("WARNING"), "{program} {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn export(&self, hosts: &[InventoryHost]) {
        for file in inventory(hosts, KEY, SALT).expect("an inventory") {
            self.write(&file.path, &file.content);
        }
    }
}

fn host(number: usize, host_name: &str, group: &str) -> InventoryHost {
    InventoryHost {
        host_id: HostId::from(format!("{number:032x}").as_str()),
        host_name: host_name.to_owned(),
        host_group_name: group.to_owned(),
        address: "127.0.0.1".to_owned(),
        ssh_port: 2_200 + number as u16,
        credentials: Credentials {
            username: format!("user{number}"),
            password: format!("password {number}"),
            sudo_password: format!("root's {number}"),
        },
    }
}

#[test]
fn ansible_reads_what_we_encrypt() {
    let Some(ansible) = Ansible::new() else { return };
    for plain in [
        "x: y\n",
        "sixteen bytes :\n",
        "ä: {{ 1 }}\n",
        &"long: enough\n".repeat(1_000),
    ] {
        ansible.write("file.yml", &vault::encrypt(plain, KEY, SALT).expect("encrypts"));
        let shown = ansible.run("ansible-vault", &["view", "file.yml"]);
        assert_eq!(shown.trim_end(), plain.trim_end());
    }
}

#[test]
fn we_read_what_ansible_encrypts() {
    let Some(ansible) = Ansible::new() else {
        return;
    };
    let named = ["--vault-id", "named@key", "--encrypt-vault-id", "named"];
    let ways: [(&str, &[&str]); 2] = [
        ("$ANSIBLE_VAULT;1.1;AES256\n", &[]),
        ("$ANSIBLE_VAULT;1.2;AES256;named\n", &named),
    ];
    for (header, options) in ways {
        let plain = "ä: {{ 1 }}\n".repeat(100);
        ansible.write("file.yml", &plain);
        ansible.run("ansible-vault", &[&["encrypt", "file.yml"], options].concat());
        let text = std::fs::read_to_string(ansible.path().join("file.yml")).expect("readable");
        assert!(text.starts_with(header), "{text}");
        assert_eq!(*vault::decrypt(&text, KEY).expect("decrypts"), plain);
    }
}

#[test]
fn ansible_refuses_another_key() {
    let Some(ansible) = Ansible::new() else { return };
    ansible.write(
        "file.yml",
        &vault::encrypt("x: y\n", "another", SALT).expect("encrypts"),
    );
    let output = ansible.try_run("ansible-vault", &["view", "file.yml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("Decryption failed"), "{said}");
}

#[test]
fn ansible_lists_the_inventory() {
    let Some(ansible) = Ansible::new() else { return };
    ansible.export(&[
        host(1, "web-1", "web"),
        host(2, "数据库", "my db"),
        host(3, "web-2", "web"),
    ]);
    let listed = ansible.run("ansible-inventory", &["-i", "hosts.yml", "--list"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["web"], json!({"hosts": ["web-1", "web-2"]}));
    assert_eq!(listed["my_x20_db"], json!({"hosts": ["数据库"]}));
    assert_eq!(
        listed["all"],
        json!({"children": ["ungrouped", "my_x20_db", "web", "aops_credentials_x_1"]})
    );
    let members = json!({"hosts": ["数据库", "web-1", "web-2"]});
    assert_eq!(listed["aops_credentials_x_1"], members);
    let host = &listed["_meta"]["hostvars"]["数据库"];
    assert_eq!(host["ansible_port"], 2_202);
    assert_eq!(host["ansible_become_method"], "su");
    assert_eq!(host["ansible_become_user"], "root");
    assert_eq!(host["ansible_python_interpreter"], "/usr/bin/python3");
    assert_eq!(host["aops_host_group_name"], "my db");
    // The file itself has no secret.
    let hosts = std::fs::read_to_string(ansible.path().join("hosts.yml")).expect("readable");
    assert!(
        !hosts.contains("password 2") && !hosts.contains("user2"),
        "{hosts}"
    );
}

/// What people may call things, and passwords that they may have.
const ODD: &[&str] = &[
    "plain",
    "{{ 7 * 7 }}",
    "{% set x = 1 %}",
    "{# gone #}",
    "{{ lookup('pipe', 'touch evaluated') }}",
    "'] }}{{ lookup('pipe', 'touch evaluated') }}{{ ['",
    "\"quoted\" and 'quoted'",
    "a: b # c",
    "- &anchor *alias",
    "!vault |",
    "True",
    "[1, 2]",
    "{\"a\": 1}",
    "007",
    "1e3",
    "null",
    "~",
    "back\\slash \\n",
    "web[1:3]",
    "web:22",
    "@key",
    "all",
    "数据库 一号",
    "\u{202e}desrever",
    "  around  ",
];

#[test]
fn templates_resolve_to_the_secrets_whatever_is_in_them() {
    let Some(ansible) = Ansible::new() else { return };
    let mut hosts = Vec::new();
    for (number, odd) in ODD.iter().enumerate() {
        let mut host = host(number, odd, odd);
        host.credentials = Credentials {
            username: format!("{odd}u"),
            password: (*odd).to_owned(),
            sudo_password: format!("{odd}\nsecond line\ttab\u{85}\u{2028}\u{feff}"),
        };
        hosts.push(host);
    }
    // More than the secrets of one file.
    for number in ODD.len()..60 {
        hosts.push(host(number, &format!("host-{number}"), "plain"));
    }
    ansible.export(&hosts);

    // What a playbook sees, for each host in a file of its own.
    let message = "msg={{ [aops_host_id, aops_host_name, aops_host_group_name, ansible_host, ansible_port, ansible_user, \
                   ansible_password, ansible_become_password] }}";
    let arguments = [
        "all",
        "-i",
        "hosts.yml",
        "-m",
        "debug",
        "-a",
        message,
        "--tree",
        "seen",
    ];
    ansible.run("ansible", &arguments);

    let mut seen: Vec<Value> = std::fs::read_dir(ansible.path().join("seen"))
        .expect("a folder")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("readable"))
        .map(|text| serde_json::from_str::<Value>(&text).expect("JSON")["msg"].clone())
        .collect();
    seen.sort_by_key(|host| {
        host[0]
            .as_str()
            .unwrap_or_else(|| panic!("no list: {host}"))
            .to_owned()
    });
    let expected: Vec<Value> = hosts
        .iter()
        .map(|host| {
            json!([
                host.host_id.as_str(),
                host.host_name,
                host.host_group_name,
                host.address,
                host.ssh_port,
                host.credentials.username,
                host.credentials.password,
                host.credentials.sudo_password,
            ])
        })
        .collect();
    assert_eq!(seen, expected);
    assert!(!ansible.path().join("evaluated").exists(), "a text was evaluated");
}

/// Ansible connects with what the templates resolve to: its client is a program of ours that notes how it was called.
#[test]
fn ansible_connects_as_the_inventory_says() {
    let Some(ansible) = Ansible::new() else { return };
    let mut odd = host(1, "web", "web");
    odd.credentials.username = "{{ 7 * 7 }}".to_owned();
    odd.credentials.password = String::new();
    ansible.export(&[odd]);
    ansible.write("client", "#!/bin/sh\nprintf '%s\\n' \"$@\" >called\n");
    let client = ansible.path().join("client");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&client, std::fs::Permissions::from_mode(0o700)).expect("executable");

    let executable = format!("ansible_ssh_executable={}", client.display());
    ansible.run(
        "ansible",
        &[
            "web",
            "-i",
            "hosts.yml",
            "-m",
            "raw",
            "-a",
            "true",
            "-e",
            &executable,
        ],
    );
    let called = std::fs::read_to_string(ansible.path().join("called")).expect("it was called");
    assert!(called.contains("\nPort=2201\n"), "{called}");
    assert!(called.contains("\nUser=\"{{ 7 * 7 }}\"\n"), "{called}");
    assert!(called.contains("\n127.0.0.1\n"), "{called}");
}
