//! Facts of a machine, pulled from a real agent, and from what is no agent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use aops_agent::AgentConfig;
use aops_data_center::agent_request::{AgentRequestError, AgentRequestLimits, agent_client};
use aops_data_center::facts::{FACTS_LIMITS, FactsError, fetch};
use aops_service::Credentials;
use aops_service::server::{Audience, Server, bind};

#[tokio::test]
async fn a_real_agent_says_what_its_machine_is() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("os-release"),
        "PRETTY_NAME=\"openEuler 20.09\"\n",
    )
    .expect("written");
    let agent = aops_agent::build(AgentConfig {
        etc_root: folder.path().to_owned(),
        ..AgentConfig::default()
    });
    let listener = bind("127.0.0.1:0", "--listen").expect("a free port");
    let mut server = Server::new();
    let address = server
        .listen(listener, Audience::Agent, &[agent], Credentials::default())
        .expect("listens");
    let shutdown = server.shutdown();
    let running = tokio::spawn(server.run());

    let client = agent_client().expect("a client");
    let facts = fetch(&client, &address.to_string(), FACTS_LIMITS)
        .await
        .expect("facts");
    assert_eq!(facts.os.name, "openEuler 20.09");
    assert_eq!(facts.cpu.architecture, std::env::consts::ARCH);
    assert!(facts.cpu.core_count > 0);

    shutdown.cancel();
    running.await.expect("no panic").expect("a clean end");
}

/// Answers one connection, whatever is asked, and gives the address.
fn answer(act: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        if let Ok((mut connection, _)) = listener.accept() {
            read_request(&mut connection);
            act(connection);
        }
    });
    address
}

/// Up to the empty line: an answer that comes before its request is no answer.
fn read_request(connection: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(connection.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
}

async fn outcome(address: &str) -> FactsError {
    let limits = AgentRequestLimits {
        timeout: Duration::from_millis(500),
        maximum_body_bytes: 10_000,
    };
    let client = agent_client().expect("a client");
    fetch(&client, address, limits).await.expect_err("no facts")
}

fn says(text: &'static str) -> String {
    answer(move |mut connection| {
        let _ = connection.write_all(text.as_bytes());
        let _ = connection.shutdown(Shutdown::Write);
        // Closed with something unread, a connection is reset, and the answer may be lost.
        let _ = std::io::copy(&mut connection, &mut std::io::sink());
    })
}

#[tokio::test]
async fn hostile_answers_bring_nothing() {
    let address = says("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    let error = outcome(&address).await;
    assert!(
        matches!(error, FactsError::Request(AgentRequestError::Status(_))),
        "{error:?}"
    );

    let address = says("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n<html/>");
    let error = outcome(&address).await;
    assert!(matches!(error, FactsError::Shape(_)), "{error:?}");

    let address = says("no HTTP at all\r\n\r\n");
    let error = outcome(&address).await;
    assert!(
        matches!(error, FactsError::Request(AgentRequestError::Request(_))),
        "{error:?}"
    );

    // It says that it is short and goes on, in pieces.
    let address = answer(|mut connection| {
        let mut go_on = connection.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while go_on.is_ok() {
            go_on = connection.write_all(b"8\r\n\"\"\"\"\"\"\"\"\r\n");
        }
    });
    let error = outcome(&address).await;
    assert!(
        matches!(error, FactsError::Request(AgentRequestError::TooLong(10_000))),
        "{error:?}"
    );

    // It begins, and holds the line until the other side gives up.
    let address = answer(|mut connection| {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{");
        let _ = std::io::copy(&mut connection, &mut std::io::sink());
    });
    let error = outcome(&address).await;
    assert!(
        matches!(error, FactsError::Request(AgentRequestError::Timeout(_))),
        "{error:?}"
    );

    let error = outcome("127.0.0.1:9/facts?x=").await;
    assert_eq!(error.to_string(), "'127.0.0.1:9/facts?x=' is not host:port");
}
