//! `[[trunks]]`: the accounts that the gateway registers.

use super::{DAY_S, Reader, Section};
use hualu_core::Pii;
use hualu_sip::{Account, Credentials, Subnet, Transport};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// So many are more than any gateway has; each is a label in the metrics.
const TRUNKS_MAX: usize = 64;
const NAME_LEN_MAX: usize = 32;

/// A trunk of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkConfig {
    /// Whether the account is registered.
    pub register: bool,
    /// The account.
    pub account: Account,
}

/// Reads every `[[trunks]]` entry. `allow` are the networks that may speak to us, for the trunk's answers must get in.
pub(super) fn read(reader: &mut Reader, allow: &[Subnet]) -> Vec<TrunkConfig> {
    let mut trunks: Vec<TrunkConfig> = Vec::new();
    let tables = reader.list("trunks");
    if tables.len() > TRUNKS_MAX {
        reader.fault("trunks", format!("{} are more than {TRUNKS_MAX}", tables.len()));
    }
    for (index, table) in tables.into_iter().enumerate() {
        let mut section = reader.inside(format!("trunks[{index}]"), table);
        let trunk = read_one(&mut section, allow);
        if trunks.iter().any(|known| known.account.name == trunk.account.name) {
            section.fault("name", format!("`{}` names two trunks", trunk.account.name));
        }
        trunks.push(trunk);
    }
    trunks
}

fn read_one(section: &mut Section<'_>, allow: &[Subnet]) -> TrunkConfig {
    let name = required(section, "name", "a word like `carrier`");
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if !name.bytes().all(named) || name.len() > NAME_LEN_MAX {
        section.fault("name", format!("`{name}` must be of a-z, 0-9, _ and -, {NAME_LEN_MAX} at most"));
    }
    let peer = required(section, "peer", "the registrar as `host` or `host:port`");
    let host = check_peer(section, &peer, allow);
    let domain: String = section.take("domain").unwrap_or(host);
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if !domain.bytes().all(in_host) {
        section.fault("domain", format!("`{domain}` is no host name"));
    }
    let transport = match section.take::<String>("transport").as_deref() {
        None | Some("udp") => Transport::Udp,
        Some("tcp") => Transport::Tcp,
        Some(other) => {
            section.fault("transport", format!("`{other}` is neither `udp` nor `tcp`"));
            Transport::Udp
        }
    };
    let user = section.take_unseen("user").unwrap_or_default();
    let in_user = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&byte);
    if user.is_empty() || !user.bytes().all(in_user) {
        section.fault("user", "must be the user part of the address that is registered".to_owned());
    }
    let auth_user = section.take_unseen("auth_user").unwrap_or_else(|| user.clone());
    let password = section.take_unseen("password").unwrap_or_default();
    if password.is_empty() {
        section.fault("password", "is missing".to_owned());
    }
    let realm = section.take("realm").unwrap_or_else(|| domain.clone());
    for (key, text) in [("auth_user", &auth_user), ("password", &password), ("realm", &realm)] {
        // They stand in quotes in a header line, but for the password, which is only hashed.
        let breaks = |symbol: char| symbol.is_control() || (key != "password" && matches!(symbol, '"' | '\\'));
        if text.contains(breaks) {
            section.fault(key, "must not hold quotes, backslashes or control characters".to_owned());
        }
    }
    let expires_s = section.within("expires_s", 60..=DAY_S).unwrap_or(3_600);
    let credentials = Credentials {
        user: Pii::new(auth_user),
        password: Pii::new(password),
        realm,
        without_qop: section.take("without_qop").unwrap_or(false),
    };
    let register = section.take("register").unwrap_or(true);
    let (user, expires) = (Pii::new(user), Duration::from_secs(expires_s));
    TrunkConfig { register, account: Account { name, peer, transport, domain, user, credentials, expires } }
}

fn required(section: &mut Section<'_>, key: &'static str, what: &str) -> String {
    let before = section.faults();
    let text: String = section.take(key).unwrap_or_default();
    if text.is_empty() && section.faults() == before {
        section.fault(key, format!("is missing: write {what}"));
    }
    text
}

/// Checks `host` or `host:port`; the host.
fn check_peer(section: &mut Section<'_>, peer: &str, allow: &[Subnet]) -> String {
    let address = peer.parse().map(|address: SocketAddr| address.ip());
    let address = address.or_else(|_| peer.trim_matches(['[', ']']).parse::<IpAddr>());
    if let Ok(address) = address {
        // The gate lets nobody else in, answers included.
        if !allow.is_empty() && !address.is_loopback() && !allow.iter().any(|network| network.contains(address)) {
            section.fault("peer", format!("{address} is not in sip.allow, so its answers would be dropped: add it"));
        }
        return if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    }
    let (host, port) = peer.rsplit_once(':').unwrap_or((peer, "5060"));
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !host.bytes().all(in_host) || port.parse::<u16>().is_err() {
        section.fault("peer", format!("`{peer}` is neither `host` nor `host:port`"));
    }
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};
    use hualu_core::Pii;
    use hualu_sip::Transport;
    use std::path::Path;
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("hualu.toml"))
    }

    #[test]
    fn a_trunk_needs_little() {
        let config = parse("[[trunks]]\nname = \"pbx\"\npeer = \"192.0.2.9\"\nuser = \"8001\"\npassword = \"p\"\n");
        let trunk = config.expect("a good file").trunks.remove(0);
        let account = trunk.account;
        assert!(trunk.register && account.transport == Transport::Udp && !account.credentials.without_qop);
        assert_eq!((account.domain.as_str(), account.credentials.realm.as_str()), ("192.0.2.9", "192.0.2.9"));
        assert_eq!((&account.user, &account.credentials.user), (&Pii::new("8001".to_owned()), &account.user));
        assert_eq!(account.expires, Duration::from_secs(3_600));
    }

    #[test]
    fn a_trunk_may_say_everything() {
        let text = "[[trunks]]\nname = \"a\"\npeer = \"[2001:db8::1]:5070\"\nuser = \"8001\"\npassword = \"p\"\nregister = false\n\
                    [[trunks]]\nname = \"ims\"\npeer = \"sbc.example.com:5080\"\ntransport = \"tcp\"\n\
                    domain = \"ims.example.com\"\nuser = \"+862188880000\"\nauth_user = \"+862188880000@ims.example.com\"\n\
                    password = \"p\\\"w\"\nrealm = \"example.com\"\nexpires_s = 600\nwithout_qop = true\n";
        let config = parse(text).expect("a good file");
        assert!(!config.trunks[0].register && config.trunks[1].register);
        assert_eq!(config.trunks[0].account.domain, "[2001:db8::1]");
        let account = &config.trunks[1].account;
        assert_eq!((account.domain.as_str(), account.peer.as_str()), ("ims.example.com", "sbc.example.com:5080"));
        assert_eq!(account.credentials.realm, "example.com");
        assert!(account.credentials.without_qop && account.transport == Transport::Tcp);
        assert_eq!(account.expires, Duration::from_secs(600));
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let text = "[sip]\nallow = [\"192.0.2.0/24\"]\n\
                    [[trunks]]\nname = \"A b\"\npeer = \"198.51.100.1\"\nuser = \"a b\"\npassword = \"p\"\nusr = \"x\"\n\
                    [[trunks]]\nname = \"c\"\npeer = \"a b\"\ntransport = \"tls\"\nuser = \"u\"\nauth_user = \"\\\"\"\nexpires_s = 5\n\
                    [[trunks]]\nname = \"c\"\nuser = \"u\"\npassword = \"p\"\ndomain = \"x y\"\n";
        let error = parse(text).expect_err("many faults").to_string();
        for expected in [
            "hualu.toml has 13 fault(s):",
            "trunks[0].name: `A b` must be of a-z",
            "trunks[0].peer: 198.51.100.1 is not in sip.allow",
            "trunks[0].user: must be the user part",
            "trunks[0].usr: unknown key; did you mean `user`?",
            "trunks[1].peer: `a b` is neither `host` nor `host:port`",
            "trunks[1].domain: `a b` is no host name",
            "trunks[1].transport: `tls` is neither",
            "trunks[1].auth_user: must not hold quotes",
            "trunks[1].password: is missing",
            "trunks[1].expires_s: 5 is not between 60 and 86400",
            "trunks[2].name: `c` names two trunks",
            "trunks[2].peer: is missing",
        ] {
            assert!(error.contains(expected), "{expected}\nis not in\n{error}");
        }
    }

    #[test]
    fn no_error_shows_a_password() {
        for text in [
            "[[trunks]]\nname = \"a\"\npeer = \"b\"\nuser = \"u\"\npassword = 20202020\n",
            "[[trunks]]\nname = \"a\"\npeer = \"b\"\nuser = \"u\"\npassword = [\"20202020\"]\n",
            "[[trunks]]\nname = \"a\"\npassword = \"20202020\n",
            "[[trunks]]\nname = \"a\"\npassword = 20202020 20202020\n",
            "[trunks]\npassword = \"20202020\"\n",
            "trunks = [\"20202020\"]\n",
        ] {
            let error = parse(text).expect_err("wrong");
            assert!(!format!("{error} {error:?}").contains("20202020"), "{error}");
        }
        let good =
            parse("[[trunks]]\nname = \"a\"\npeer = \"b\"\nuser = \"u\"\npassword = \"20202020\"\n").expect("good");
        assert!(!format!("{good:?}").contains("20202020"));
    }

    #[test]
    fn a_fault_of_syntax_names_its_place() {
        let error = parse("[sip]\nudp = = 1\n").expect_err("no TOML").to_string();
        assert!(error.starts_with("hualu.toml is not valid TOML: line 2: "), "{error}");
    }
}
