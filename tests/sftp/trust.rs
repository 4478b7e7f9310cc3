//! Who is spoken to, and who we are.

use claimstream::intake::channel::ChannelError;

use crate::server::{own, shared};

const UNKNOWN: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[tokio::test]
async fn a_server_that_is_not_pinned_is_named_and_told_nothing() {
    let Some(server) = own("pins") else { return };
    let mut site = server.site("pins");
    for pins in [vec![], vec![UNKNOWN.to_string()], vec![server.value("host_key").to_lowercase()]] {
        site.config.host_keys = pins;
        let error = site.channel().list().await.unwrap_err();
        let ChannelError::HostKey { server: named, found } = &error else {
            panic!("{error}")
        };
        assert_eq!(*named, format!("{}:{}", server.value("host"), server.value("port")));
        assert_eq!(*found, server.value("host_key"));
        assert!(error.needs_a_person());
    }
    let log = server.log();
    assert!(log.contains("Connection from"), "the server was reached");
    assert!(!log.contains("userauth") && !log.contains(&format!("user {}", server.value("user"))), "{log}");

    // That the log would tell.
    site.config.host_keys = vec![server.value("host_key")];
    site.channel().list().await.unwrap();
    assert!(server.log().contains("userauth-request for user"));
}

#[tokio::test]
async fn two_pins_carry_over_a_rotation() {
    let Some(mut server) = own("rotation") else { return };
    let mut site = server.site("rotation");
    let old = server.value("host_key");
    let mut old_only = site.channel();
    old_only.list().await.unwrap();
    server.service("rekey");
    let new = server.value("host_key");
    assert_ne!(old, new);

    // The connection of before has ended, and the pin of before does not do any more.
    let refused = old_only.list().await.unwrap_err();
    assert!(matches!(&refused, ChannelError::HostKey { found, .. } if *found == new), "{refused}");
    site.config.host_keys = vec![old, new];
    site.channel().list().await.unwrap();
}

#[tokio::test]
async fn any_of_a_servers_keys_may_be_the_pinned_one() {
    let Some(server) = shared() else { return };
    let mut site = server.site("rsa-host");
    site.config.host_keys = vec![server.value("rsa_host_key")];
    site.channel().list().await.unwrap();
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_unauthorised() {
    let Some(server) = shared() else { return };
    let mut site = server.site("stranger");
    site.config.key_file = server.value("stranger_key").into();
    let error = site.channel().list().await.unwrap_err();
    assert!(matches!(error, ChannelError::Unauthorised { .. }) && error.needs_a_person(), "{error}");
}

#[tokio::test]
async fn an_rsa_key_signs_with_sha_2() {
    let Some(server) = own("rsa") else { return };
    let mut site = server.site("rsa");
    site.config.key_file = server.value("rsa_key").into();
    site.channel().list().await.unwrap();
    let log = server.log();
    assert!(log.contains("pkalg rsa-sha2-") && !log.contains("pkalg ssh-rsa"), "{log}");
}

#[tokio::test]
async fn a_key_with_a_passphrase_is_refused_before_a_connection() {
    let Some(server) = shared() else { return };
    let mut site = server.site("passphrase");
    let locked = site.path("locked");
    std::fs::copy(server.value("key"), &locked).unwrap();
    let mut lock = std::process::Command::new("ssh-keygen");
    lock.args(["-q", "-p", "-P", "", "-N", "secret", "-f"]).arg(&locked);
    assert!(lock.output().unwrap().status.success());
    site.config.key_file = locked;
    let error = site.channel().list().await.unwrap_err();
    assert!(matches!(error, ChannelError::KeyFile { .. }), "{error}");
}
