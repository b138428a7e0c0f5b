//! A platform behind TLS, with an authority of its own.

use std::path::Path;
use std::sync::Arc;

use aops_test_server::FakeServer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::{Ran, program};

/// Made for these tests, for localhost and 127.0.0.1; the key of the authority was thrown away.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls");

/// Takes TLS off what goes to the server. Gives back its port.
async fn in_front_of(server: &FakeServer) -> u16 {
    let folder = Path::new(FOLDER);
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).expect("PEM");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("PEM");
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let target = server.url().trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let mut from = acceptor.accept(stream).await?;
                let mut to = TcpStream::connect(target).await?;
                tokio::io::copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    port
}

#[tokio::test]
async fn the_authority_of_the_platform_is_trusted_when_it_is_named() {
    let server = FakeServer::start();
    server.succeed("/manage/host/count", json!({ "host_count": 3 }));
    server.succeed("/manage/account/login", json!({ "access_token": "t" }));
    let port = in_front_of(&server).await;
    let authority = format!("{FOLDER}/authority.pem");
    let home = tempfile::tempdir().expect("a folder");
    let run = async |arguments: &[&str]| -> Ran {
        let output = program(arguments).env("HOME", home.path()).output().await;
        output.expect("the program starts").into()
    };
    let count = ["stat", "--action", "count", "--field", "host"];
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{port}");
        let trusting = ["--server", &url, "--ca_cert", &authority];
        run(&[&trusting[..], &count].concat()).await.expect_code(0);

        let ran = run(&[&trusting[..2], &count].concat()).await.expect_code(5);
        assert!(ran.stderr.contains("certificate"), "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("name the file of its authority with --ca_cert"),
            "{}",
            ran.stderr
        );
    }
    // A login remembers whom to trust.
    let url = format!("https://localhost:{port}");
    let login = [
        "account",
        "--action",
        "login",
        "--username",
        "admin",
        "--password",
        "p",
    ];
    let trusting = ["--server", &url, "--ca_cert", &authority];
    run(&[&trusting[..], &login].concat()).await.expect_code(0);
    run(&count).await.expect_code(0);
    assert_eq!(server.calls("/manage/host/count")[2].headers["access-token"], "t");
}

#[tokio::test]
async fn a_file_of_authorities_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("empty.pem");
    std::fs::write(&path, "").expect("written");
    let shown = path.to_str().expect("UTF-8");
    for (file, code, part) in [
        (shown, 5, "holds no certificate"),
        ("/nonexistent.pem", 1, "--ca_cert /nonexistent.pem"),
    ] {
        let arguments = ["--server", "https://127.0.0.1:9", "--ca_cert", file, "check"];
        let output = program(&arguments).output().await.expect("the program starts");
        let ran = Ran::from(output).expect_code(code);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}
