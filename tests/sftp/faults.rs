//! Servers that end, freeze and come back.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use claimstream::intake::channel::ChannelError;

use crate::server::{name, own, pattern, seen};

#[tokio::test]
async fn a_server_that_was_restarted_between_two_calls_is_not_noticed() {
    let Some(mut server) = own("restart") else { return };
    let site = server.site("restart");
    site.write("in/a.837", "0123456789");
    let (mut channel, a) = (site.channel(), name("a.837"));
    assert_eq!(seen(&channel.list().await.unwrap()), [("a.837", 10)]);
    server.service("restart");
    assert_eq!(seen(&channel.list().await.unwrap()), [("a.837", 10)]);
    assert_eq!(channel.read_at(&a, 0, 5).await.unwrap(), b"01234");
    server.service("restart");
    assert_eq!(channel.read_at(&a, 5, 5).await.unwrap(), b"56789");
    server.service("restart");
    channel.put(&name("b.999"), &mut &b"ISA"[..]).await.unwrap();
    server.service("restart");
    channel.rename_into(&a, site.path("done").to_str().unwrap()).await.unwrap();
    site.write("in/c.837", "");
    server.service("restart");
    channel.remove(&name("c.837")).await.unwrap();
    assert_eq!(
        (site.names("in"), site.names("out"), site.names("done")),
        (vec![], vec!["b.999".into()], vec!["a.837".into()])
    );
}

#[tokio::test]
async fn without_a_server_each_call_says_so_until_it_is_back() {
    let Some(mut server) = own("away") else { return };
    let site = server.site("away");
    site.write("in/a.837", "ISA");
    let (mut channel, a) = (site.channel(), name("a.837"));
    channel.read_at(&a, 0, 1).await.unwrap();
    server.service("kill");
    for error in [channel.read_at(&a, 1, 1).await.unwrap_err(), channel.list().await.unwrap_err()] {
        let named = format!("{}:{}", server.value("host"), server.value("port"));
        assert!(matches!(&error, ChannelError::Connection { server, .. } if *server == named), "{error}");
        assert!(!error.needs_a_person());
    }
    server.service("restart");
    assert_eq!(channel.read_at(&a, 1, 1).await.unwrap(), b"S");
}

/// Does something after so many bytes.
struct Interrupting<F: Fn()> {
    content: io::Cursor<Vec<u8>>,
    at: u64,
    what: Option<F>,
}

impl<F: Fn()> Read for Interrupting<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.content.position() >= self.at
            && let Some(what) = self.what.take()
        {
            what();
        }
        self.content.read(buffer)
    }
}

#[tokio::test]
async fn a_server_that_ends_in_the_middle_of_a_put_has_no_file_of_that_name() {
    let Some(mut server) = own("middle") else { return };
    let site = server.site("middle");
    let (mut channel, a) = (site.channel(), name("a.835"));
    let content = pattern(2_000_000);
    let mut killing = Interrupting {
        content: io::Cursor::new(content.clone()),
        at: 1_000_000,
        what: Some(server.killer()),
    };
    let put = channel.put(&a, &mut killing).await.unwrap_err();
    assert!(matches!(put, ChannelError::Connection { .. }), "{put}");
    assert_eq!(site.names("out"), [".a.835.tmp"], "only the beginning of it, under no name of ours");

    server.service("restart");
    channel.put(&a, &mut content.as_slice()).await.unwrap();
    assert!(site.read("out/a.835") == content);
    assert_eq!(site.names("out"), ["a.835"]);
}

#[tokio::test]
async fn a_frozen_server_holds_nobody_for_ever() {
    let Some(mut server) = own("frozen") else { return };
    let site = server.site("frozen");
    site.write("in/a.837", "ISA");
    let mut channel = site.channel();
    channel.read_at(&name("a.837"), 0, 1).await.unwrap();
    server.service("pause");
    let begun = Instant::now();
    let error = channel.list().await.unwrap_err();
    assert!(matches!(error, ChannelError::Connection { .. }), "{error}");
    assert!(begun.elapsed().as_secs() < 25, "{:?}", begun.elapsed());
    server.service("resume");
    channel.list().await.unwrap();
}

#[tokio::test]
async fn a_channel_that_is_dropped_ends_its_connection() {
    let Some(server) = own("dropped") else { return };
    let site = server.site("dropped");
    let mut channel = site.channel();
    channel.list().await.unwrap();
    // The script has asked with a connection of its own whether the server is there.
    let ended = || server.log().matches("Connection closed by").count();
    let before = ended();
    drop(channel);
    let begun = Instant::now();
    while ended() == before {
        assert!(begun.elapsed().as_secs() < 20, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
