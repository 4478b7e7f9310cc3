//! What is in the folders, and what is done with it.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use claimstream::intake::channel::ChannelError;

use crate::server::{bare, name, pattern, seen, shared};

#[tokio::test]
async fn the_inbound_folder_is_listed_in_the_order_of_names() {
    let Some(server) = shared() else { return };
    let site = server.site("listed");
    let mut channel = site.channel();
    assert_eq!(seen(&channel.list().await.unwrap()), []);

    for (file, content) in [("b.837", "12345"), ("a b.837", ""), ("ünïcode.837", "1"), (".hidden", "12")] {
        site.write(&format!("in/{file}"), content);
    }
    let listing = channel.list().await.unwrap();
    assert_eq!(seen(&listing), [(".hidden", 2), ("a b.837", 0), ("b.837", 5), ("ünïcode.837", 1)]);
    assert_eq!(listing.refused, 0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(listing.files.iter().all(|file| now.abs_diff(u64::try_from(file.modified).unwrap()) < 120));
}

#[tokio::test]
async fn more_files_than_one_answer_holds_are_all_listed() {
    let Some(server) = shared() else { return };
    let site = server.site("many");
    (0..1_000).for_each(|n| site.write(&format!("in/{n:04}.837"), ""));
    let listing = site.channel().list().await.unwrap();
    let numbers = listing.files.iter().map(|file| file.name.as_str().get(..4).unwrap().parse::<u32>().unwrap());
    assert!(numbers.eq(0..1_000));
}

#[tokio::test]
async fn what_is_no_regular_file_or_has_no_plain_name_is_never_listed() {
    let Some(server) = shared() else { return };
    let site = server.site("hostile");
    site.write("in/good.837", "ISA");
    site.write("elsewhere", "ISA");
    symlink("/etc/passwd", site.path("in/passwd.837")).unwrap();
    symlink(site.path("elsewhere"), site.path("in/linked.837")).unwrap();
    assert!(Command::new("mkfifo").arg(site.path("in/pipe.837")).status().unwrap().success());
    std::os::unix::net::UnixListener::bind(site.path("in/s")).unwrap();
    std::fs::create_dir(site.path("in/folder.837")).unwrap();
    for hostile in [&b"new\nline.837"[..], b"\x1b[2J.837", b"back\\slash.837", b"latin-\xe9.837", b"del\x7f.837"] {
        std::fs::write(site.path("in").join(OsStr::from_bytes(hostile)), "ISA").unwrap();
    }

    let mut channel = site.channel();
    let listing = channel.list().await.unwrap();
    assert_eq!(seen(&listing), [("good.837", 3)]);
    assert_eq!(listing.refused, 10);

    // Whoever lists a file and then puts a link in its place gains nothing, and a pipe holds nobody up.
    for other in ["passwd.837", "linked.837", "pipe.837", "folder.837"] {
        let read = channel.read_at(&name(other), 0, 100).await;
        assert!(matches!(read, Err(ChannelError::Refused { .. })), "{other}: {read:?}");
    }
}

#[tokio::test]
async fn a_large_file_is_read_as_it_is() {
    let Some(server) = shared() else { return };
    let site = server.site("large");
    let content = pattern(20_000_000);
    site.write("in/large.837", &content);
    let (mut channel, large) = (site.channel(), name("large.837"));
    let mut read = Vec::new();
    loop {
        let chunk = channel.read_at(&large, read.len() as u64, 256 * 1024).await.unwrap();
        read.extend_from_slice(&chunk);
        if chunk.len() < 256 * 1024 {
            break;
        }
    }
    assert!(read == content, "the bytes differ");
    // All in one call, of an odd size and from the middle.
    assert!(channel.read_at(&large, 7, 1_000_001).await.unwrap() == content[7..1_000_008]);
    assert!(channel.read_at(&large, 19_999_990, 1_000_000).await.unwrap() == content[19_999_990..]);
    assert_eq!(channel.read_at(&large, 30_000_000, 10).await.unwrap(), b"");
    assert_eq!(channel.read_at(&large, 0, 0).await.unwrap(), b"");
}

#[tokio::test]
async fn a_file_that_grows_is_read_on_from_where_it_ended() {
    let Some(server) = shared() else { return };
    let site = server.site("growing");
    site.write("in/growing.837", "ISA*00");
    let (mut channel, growing) = (site.channel(), name("growing.837"));
    assert_eq!(channel.read_at(&growing, 0, 100).await.unwrap(), b"ISA*00");
    assert_eq!(channel.read_at(&growing, 6, 100).await.unwrap(), b"");
    site.write("in/growing.837", "ISA*00*more~IEA");
    assert_eq!(channel.read_at(&growing, 6, 100).await.unwrap(), b"*more~IEA");
}

#[tokio::test]
async fn a_file_stays_open_until_the_next_listing() {
    let Some(server) = shared() else { return };
    let site = server.site("open");
    site.write("in/open.837", "first");
    let (mut channel, open) = (site.channel(), name("open.837"));
    assert_eq!(channel.read_at(&open, 0, 10).await.unwrap(), b"first");
    std::fs::remove_file(site.path("in/open.837")).unwrap();
    site.write("in/open.837", "second");
    assert_eq!(channel.read_at(&open, 0, 10).await.unwrap(), b"first");
    channel.list().await.unwrap();
    assert_eq!(channel.read_at(&open, 0, 10).await.unwrap(), b"second");
}

#[tokio::test]
async fn what_is_not_there_is_gone() {
    let Some(server) = shared() else { return };
    let site = server.site("gone");
    let (mut channel, gone) = (site.channel(), name("DOE_JANE.837"));
    for error in [
        channel.read_at(&gone, 0, 10).await.unwrap_err(),
        channel.remove(&gone).await.unwrap_err(),
        channel.rename_into(&gone, site.path("done").to_str().unwrap()).await.unwrap_err(),
    ] {
        assert!(matches!(error, ChannelError::Gone), "{error}");
        assert!(!format!("{error} {error:?} {channel:?}").contains("DOE_JANE"));
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_is_a_refusal_and_no_missing_file() {
    let Some(server) = shared() else { return };
    let site = server.site("missing");
    std::fs::remove_dir(site.path("in")).unwrap();
    std::fs::remove_dir(site.path("out")).unwrap();
    let mut channel = site.channel();
    let listed = channel.list().await.unwrap_err();
    assert!(listed.to_string().contains("inbound folder is not there"), "{listed}");
    let put = channel.put(&name("a.999"), &mut &b"ISA"[..]).await.unwrap_err();
    assert!(put.to_string().contains("outbound folder is not there"), "{put}");
}

#[tokio::test]
async fn a_file_is_put_under_its_name_when_it_is_whole() {
    let Some(server) = shared() else { return };
    let site = server.site("put");
    let mut channel = site.channel();
    for content in [Vec::new(), pattern(10), pattern(5_000_000), pattern(300)] {
        channel.put(&name("000000001.999"), &mut content.as_slice()).await.unwrap();
        assert!(site.read("out/000000001.999") == content, "{} bytes", content.len());
        assert_eq!(site.names("out"), ["000000001.999"]);
    }
}

#[tokio::test]
async fn what_a_failed_put_left_is_written_over() {
    let Some(server) = shared() else { return };
    let site = server.site("left");
    site.write("out/.a.999.tmp", "much longer than what is put there now");
    site.channel().put(&name("a.999"), &mut &b"ISA"[..]).await.unwrap();
    assert_eq!(site.read("out/a.999"), b"ISA");
    assert_eq!(site.names("out"), ["a.999"]);
}

/// Ends in an error after some bytes.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(self.0);
        self.0 -= bytes;
        if bytes == 0 { Err(io::Error::other("DOE_JANE")) } else { Ok(bytes) }
    }
}

#[tokio::test]
async fn a_content_that_cannot_be_read_leaves_nothing_and_the_older_file() {
    let Some(server) = shared() else { return };
    let site = server.site("broken");
    site.write("out/a.999", "older");
    let mut channel = site.channel();
    let put = channel.put(&name("a.999"), &mut Broken(600_000)).await.unwrap_err();
    assert!(matches!(put, ChannelError::Refused { .. }) && !put.to_string().contains("DOE"), "{put}");
    assert_eq!(site.names("out"), ["a.999"]);
    assert_eq!(site.read("out/a.999"), b"older");
}

#[tokio::test]
async fn inbound_files_are_removed_and_moved() {
    let Some(server) = shared() else { return };
    removed_and_moved(&server.site("moved")).await;
}

/// A server that has only what the protocol itself has: no rename over another file, no sync.
#[tokio::test]
async fn a_server_without_extensions_does_as_well() {
    let Some(server) = bare("bare") else { return };
    let site = server.site("bare");
    removed_and_moved(&site).await;
    let mut channel = site.channel();
    for content in [pattern(700_000), pattern(3)] {
        channel.put(&name("a.999"), &mut content.as_slice()).await.unwrap();
        assert!(site.read("out/a.999") == content);
        assert_eq!(site.names("out"), ["a.999"]);
    }
}

async fn removed_and_moved(site: &crate::server::Site) {
    let mut channel = site.channel();
    for file in ["in/a.837", "in/b.837", "in/c.837"] {
        site.write(file, file);
    }
    channel.remove(&name("a.837")).await.unwrap();
    assert_eq!(site.names("in"), ["b.837", "c.837"]);

    // Two folders that are missing, then over a file that is there.
    let done = site.path("archive/done");
    channel.rename_into(&name("b.837"), done.to_str().unwrap()).await.unwrap();
    assert_eq!(site.read("archive/done/b.837"), b"in/b.837");
    site.write("archive/done/c.837", "older");
    channel.rename_into(&name("c.837"), &format!("{}/", done.to_str().unwrap())).await.unwrap();
    assert_eq!(site.read("archive/done/c.837"), b"in/c.837");
    assert_eq!(site.names("in"), [""; 0]);

    // A file that is not there leaves the one that is.
    let gone = channel.rename_into(&name("c.837"), done.to_str().unwrap()).await;
    assert!(matches!(gone, Err(ChannelError::Gone)), "{gone:?}");
    assert_eq!(site.read("archive/done/c.837"), b"in/c.837");

    site.write("in/d.837", "d");
    site.write("file", "");
    let into_a_file = channel.rename_into(&name("d.837"), site.path("file").to_str().unwrap()).await;
    assert!(matches!(into_a_file, Err(ChannelError::Refused { .. })), "{into_a_file:?}");
    let below_a_file = channel.rename_into(&name("d.837"), site.path("file/below").to_str().unwrap()).await;
    assert!(below_a_file.is_err());
    assert_eq!(site.names("in"), ["d.837"]);
}
