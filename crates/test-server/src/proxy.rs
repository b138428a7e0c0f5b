//! A TCP proxy in front of an engine, which a test lets fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a [`Proxy`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Everything goes through.
    Forward,
    /// Connections are taken and stay open; nothing goes through.
    Stall,
    /// Nobody listens.
    Refuse,
    /// Connections are taken and get this text.
    Answer(&'static str),
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// Grows with each cut: connections of an older number end.
    cut: u64,
}

/// A TCP proxy on a port of the loopback. It begins by forwarding; dropping it closes everything.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// In front of `target`, an address as `127.0.0.1:3306`.
    pub async fn start(target: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = State {
            mode: Mode::Forward,
            cut: 0,
        };
        let (state, seen) = watch::channel(state);
        let listening = tokio::spawn(listen(listener, address, target.into(), seen));
        Self {
            address,
            state: Arc::new(state),
            listening,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everything through again, what was held by a [stall](Self::stall) first.
    pub fn forward(&self) {
        self.set(Mode::Forward);
    }

    /// Holds everything: connections stay open and new ones are taken, but no byte goes through, as when a firewall
    /// swallows packets or a server hangs.
    pub fn stall(&self) {
        self.set(Mode::Stall);
    }

    /// Ends all connections; new ones go through.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cut += 1);
    }

    /// Ends all connections and refuses new ones, as when the server has stopped.
    pub fn refuse(&self) {
        self.state.send_modify(|state| {
            state.mode = Mode::Refuse;
            state.cut += 1;
        });
    }

    /// Ends all connections. Who connects from now on gets this text, as from a server that is there and does not work.
    pub fn answer(&self, text: &'static str) {
        self.state.send_modify(|state| {
            state.mode = Mode::Answer(text);
            state.cut += 1;
        });
    }

    fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse();
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    address: SocketAddr,
    target: String,
    mut seen: watch::Receiver<State>,
) {
    let mut listener = Some(listener);
    loop {
        let mode = seen.borrow_and_update().mode;
        if mode == Mode::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = Some(bind_again(address).await);
        }
        let taken = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            taken = taken => {
                if let Ok((client, _)) = taken {
                    tokio::spawn(serve(client, target.clone(), seen.clone()));
                }
            }
            changed = seen.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// The port was ours and is outside of what the system hands out at once again; should it be taken for a moment, wait.
async fn bind_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(client: TcpStream, target: String, mut seen: watch::Receiver<State>) {
    let gate = Gate(seen.clone());
    let State { cut, mode } = *seen.borrow();
    let ended = async {
        let _ = seen.wait_for(|state| state.cut != cut).await;
    };
    let forwarded = async {
        if let Mode::Answer(text) = mode {
            return answer(client, text).await;
        }
        let mut gate = gate;
        gate.opened().await;
        let Ok(server) = TcpStream::connect(&target).await else {
            return;
        };
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        tokio::join!(
            pump(client_read, server_write, gate.clone()),
            pump(server_read, client_write, gate)
        );
    };
    tokio::select! {
        () = ended => {}
        () = forwarded => {}
    }
}

/// A question is read first, and the rest of it afterwards: who is still speaking when the connection ends takes it for
/// broken.
async fn answer(mut client: TcpStream, text: &str) {
    let mut buffer = [0_u8; 4 * 1024];
    if matches!(client.read(&mut buffer).await, Ok(0) | Err(_)) {
        return;
    }
    if client.write_all(text.as_bytes()).await.is_err() || client.shutdown().await.is_err() {
        return;
    }
    while !matches!(client.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

/// Waits while nothing goes through.
#[derive(Clone)]
struct Gate(watch::Receiver<State>);

impl Gate {
    async fn opened(&mut self) {
        let _ = self.0.wait_for(|state| state.mode == Mode::Forward).await;
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: Gate) {
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        gate.opened().await;
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    gate.opened().await;
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says each byte again.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        stream.write_all(&[byte]).await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn it_forwards_cuts_stalls_refuses_and_answers() {
        let proxy = Proxy::start(echo().await).await;
        let connect = || TcpStream::connect(proxy.address());
        let mut first = connect().await.expect("connected");
        assert_eq!(says(&mut first, 1).await.expect("said"), 1);

        proxy.cut();
        assert!(says(&mut first, 2).await.is_err(), "cut");
        let mut second = connect().await.expect("connected");
        assert_eq!(says(&mut second, 3).await.expect("said"), 3);

        proxy.stall();
        let mut third = connect().await.expect("taken");
        third.write_all(&[5]).await.expect("taken");
        let held = tokio::time::timeout(Duration::from_millis(100), says(&mut second, 4)).await;
        assert!(held.is_err(), "held");
        proxy.forward();
        assert_eq!(second.read_u8().await.expect("said at last"), 4);
        assert_eq!(third.read_u8().await.expect("said at last"), 5);

        proxy.refuse();
        assert!(second.read_u8().await.is_err(), "cut");
        while connect().await.is_ok() {
            tokio::task::yield_now().await;
        }
        proxy.forward();
        let mut fourth = loop {
            match connect().await {
                Ok(stream) => break stream,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(says(&mut fourth, 6).await.expect("said"), 6);

        proxy.answer("no");
        assert!(fourth.read_u8().await.is_err(), "cut");
        let mut fifth = connect().await.expect("taken");
        assert_eq!(says(&mut fifth, 7).await.expect("said"), b'n');
    }
}
