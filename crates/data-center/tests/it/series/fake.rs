//! A fake of Prometheus, or a proxy before the real one, that does what a test tells it to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a request.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// As the real server does.
    Forward(String),
    /// As a function of path and query (unescaped) does: status and body.
    Answer(Arc<Answering>),
    /// The same, after a while.
    Late(std::time::Duration, Arc<Answering>),
    /// Longer than any test waits.
    Silence,
    /// Says that there is more than comes.
    Cut(String),
    /// A byte now and then, for ever.
    Trickle,
    /// Ends the connection without an answer.
    HangUp,
}

/// Status and body for a request.
pub(crate) type Answering = dyn Fn(&Asked) -> (u16, String) + Send + Sync;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// Of the query or the form, unescaped.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
}

impl Asked {
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn is_query(&self) -> bool {
        self.path == "/api/v1/query"
    }
}

/// Gone when dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    running: tokio::task::JoinHandle<()>,
}

struct State {
    behaviour: Behaviour,
    asked: Vec<Asked>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Fake {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State {
            behaviour,
            asked: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // Who asks may go away at any time.
                tokio::spawn(async move { drop(serve(stream, state).await) });
            }
        });
        Self { url, state, running }
    }

    /// Answers queries with this; every list that it is asked for is empty.
    pub(crate) async fn answering(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::start(Behaviour::Answer(Arc::new(move |asked| match asked.is_query() {
            true => answer(asked),
            false => (200, r#"{"status":"success","data":[]}"#.to_owned()),
        })))
        .await
    }

    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.state.lock().expect("not poisoned").behaviour = behaviour;
    }

    /// What it was asked since the last call.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().expect("not poisoned").asked)
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let (head, body) = read_request(&mut stream).await?;
    let asked = parse(&head, &body);
    let behaviour = {
        let mut state = state.lock().expect("not poisoned");
        state.asked.push(asked.clone());
        state.behaviour.clone()
    };
    match behaviour {
        Behaviour::Forward(url) => {
            let (status, text) = forward(&url, &asked).await;
            answer(&mut stream, status, &text, text.len()).await
        }
        Behaviour::Answer(function) => {
            let (status, text) = function(&asked);
            answer(&mut stream, status, &text, text.len()).await
        }
        Behaviour::Late(delay, function) => {
            tokio::time::sleep(delay).await;
            let (status, text) = function(&asked);
            answer(&mut stream, status, &text, text.len()).await
        }
        Behaviour::Silence => std::future::pending().await,
        Behaviour::Cut(text) => answer(&mut stream, 200, &text, text.len() + 1_000).await,
        Behaviour::Trickle => {
            answer(&mut stream, 200, "{", 1_000_000).await?;
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                stream.write_all(b" ").await?;
            }
        }
        Behaviour::HangUp => Ok(()),
    }
}

async fn answer(stream: &mut TcpStream, status: u16, text: &str, length: usize) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

async fn forward(url: &str, asked: &Asked) -> (u16, String) {
    let client = reqwest::Client::new();
    let call = match asked.is_query() {
        true => client
            .post(format!("{url}{}", asked.path))
            .form(&asked.parameters),
        false => client
            .get(format!("{url}{}", asked.path))
            .query(&asked.parameters),
    };
    let answer = call.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize =
                header(head, "content-length").map_or(0, |text| text.parse().expect("a number"));
            if body.len() >= length {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
        let mut buffer = [0; 65_536];
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(&buffer[..count]);
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let found = lines.find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

fn parse(head: &str, body: &str) -> Asked {
    let target = head.split(' ').nth(1).expect("a target");
    let url = reqwest::Url::parse(&format!("http://fake{target}")).expect("a target");
    let form = reqwest::Url::parse(&format!("http://fake/?{body}")).expect("a form");
    let parameters = url.query_pairs().chain(form.query_pairs());
    Asked {
        path: url.path().to_owned(),
        parameters: parameters
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        authorization: header(head, "authorization"),
    }
}
