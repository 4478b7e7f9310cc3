//! A look at a running service from outside, as a container's health check has it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::limits;

/// How a service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// `/livez`: its worker does what it should.
    pub is_alive: bool,
    /// `/readyz`.
    pub is_ready: bool,
    /// The parts of `/readyz`, as they stand there.
    pub parts: Value,
}

/// Asks the service that listens here.
///
/// # Errors
/// Nothing answers, or something else does.
pub fn look(listen: SocketAddr) -> io::Result<Answers> {
    let address = reachable(listen);
    let (alive, _) = get(address, "/livez")?;
    let (ready, body) = get(address, "/readyz")?;
    let body: Value = serde_json::from_str(&body).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Answers {
        is_alive: alive == 200,
        is_ready: alive == 200 && ready == 200,
        parts: body.get("parts").cloned().unwrap_or_default(),
    })
}

/// Who listens everywhere is met here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let time = Duration::from_secs(limits::PROBE_SECONDS_MAX);
    let mut stream = TcpStream::connect_timeout(&address, time)?;
    stream.set_read_timeout(Some(time))?;
    stream.set_write_timeout(Some(time))?;
    let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    stream.take(limits::PROBE_ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let foreign = || io::Error::from(io::ErrorKind::InvalidData);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(foreign)?;
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(foreign)?, body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_met_here() {
        for (listen, address) in [
            ("0.0.0.0:9600", "127.0.0.1:9600"),
            ("[::]:9600", "[::1]:9600"),
            ("10.1.2.3:9600", "10.1.2.3:9600"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), address);
        }
    }
}
